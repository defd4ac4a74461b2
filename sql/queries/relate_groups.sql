-- purpose: the items that tell the same story, by the groups of near-duplicates
-- grain: one row per item of a group
insert into relation_values
select 'same_story', 'groups', item_id, group_id, null from item_groups where catalog = $catalog;
