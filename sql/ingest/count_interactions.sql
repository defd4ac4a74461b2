-- purpose: how many interactions are staged
-- grain: one row
select count(*) as n_staged from staged_interactions;
