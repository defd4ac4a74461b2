-- purpose: how many users get recommendations
-- grain: one row
select count(*) from users where user_space = $user_space and is_active;
