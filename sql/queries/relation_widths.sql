-- purpose: how many items share a value that too many share to be related by it
-- grain: one row per relation and source with any
with wide as (
    select relation, source, value, count(distinct item_id) as n_items
    from relation_values
    group by all
    having n_items > $max_items
)
select relation, source, count(*) as n_values, sum(n_items)::bigint as n_items
from wide
group by all
order by all;
