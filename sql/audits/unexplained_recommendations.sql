-- purpose: recommendations without a reason and its author, a source or a title, or with an empty field of the reason, over the scored Parquet files $files
-- grain: one row per user and item of catalog $catalog, at most 100; n_bad counts all of them
-- A text that begins with a visible letter of ASCII is not blank: only the others are trimmed, which costs more than reading them.
select user_id, item_id, rank, title, reason, reason_source, sources, count(*) over () as n_bad
from read_parquet($files)
where
    catalog = $catalog
    and (
        coalesce(reason, '') not between '!' and '~' and trim(coalesce(reason, '')) = ''
        or coalesce(reason_source, '') not between '!' and '~' and trim(coalesce(reason_source, '')) = ''
        or coalesce(title, '') not between '!' and '~' and trim(coalesce(title, '')) = ''
        or coalesce(len(sources), 0) = 0
        or reason_content not between '!' and '~' and trim(reason_content) = ''
        or reason_popularity not between '!' and '~' and trim(reason_popularity) = ''
        or reason_diversity not between '!' and '~' and trim(reason_diversity) = ''
        or reason_time not between '!' and '~' and trim(reason_time) = ''
    )
order by user_id, rank
limit 100;
