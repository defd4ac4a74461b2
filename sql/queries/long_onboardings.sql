-- purpose: how many active users gave more onboarding answers than count
-- grain: one row
select count(*) as n_users from users where user_space = $user_space and is_active and len(onboarding) > 5;
