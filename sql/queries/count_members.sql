-- purpose: how many labelers answer a task today, and how many of its questions people have labeled
-- grain: one row
select
    (select count(*) from panel_members where catalog = $catalog and task = $task and role <> 'strong') as n_labelers,
    (select count(*) from person_labels where catalog = $catalog and task = $task) as n_people;
