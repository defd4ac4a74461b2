-- purpose: how many users chose each item, without what a fold holds out
-- grain: one row per item that was ever chosen; n_all is the number of users who chose anything
with chosen as (
    select user_id, item_id
    from pair_history
    where weight > 0 and fold is distinct from $fold::integer
)
select item_id, count(*) as n_users, (select count(distinct user_id) from chosen) as n_all
from chosen
group by item_id
order by item_id;
