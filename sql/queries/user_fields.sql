-- purpose: fields of some users by their JSON paths, as rules name them
-- grain: one row per user; texts and kinds have a value for each of $paths
with told as (
    select
        user_id,
        json_object('name', name, 'age', age, 'job', job, 'segment', segment, 'attributes', attributes) as fields
    from users
    where
        user_space = $user_space
        and user_id between list_min($user_ids) and list_max($user_ids)
        and user_id in (select unnest($user_ids))
)
select user_id, json_extract_string(fields, $paths) as texts, json_type(fields, $paths) as kinds
from told
order by user_id;
