-- purpose: how much of the lists earlier publications of a catalog kept from one day to another, the last ones first
-- grain: one row per run other than $run_id, at most 14
select run_id, overlap
from publication_comparisons
where catalog = $catalog and run_id <> $run_id and overlap is not null and as_of <> against_as_of
order by created_at desc
limit 14;
