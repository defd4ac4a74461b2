-- purpose: how many items the warehouse has ever seen
-- grain: one row
select count(*) from items;
