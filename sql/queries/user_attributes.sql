-- purpose: the attributes that any user of a space has
-- grain: one row per name
select distinct unnest(json_keys(attributes)) as name from users where user_space = $user_space order by 1;
