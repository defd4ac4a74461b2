-- purpose: two labelings and people's word on the questions that people have reviewed
-- grain: one row per asker (of judged pairs) and three answers; reads the table of label_compare_gather
select
    case when $is_ordinal then string_split(question_key, '|')[1] else '' end as asker, truth, before, after, count(*) as n
from compared
where truth is not null
group by all
order by all;
