-- purpose: how many questions users_to_rewrite holds
-- grain: one row
select count(*) from users_to_rewrite;
