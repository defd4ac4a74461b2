-- purpose: a user with a profile to show a prompt with
-- grain: one row, none where no user has a profile
select profile_hash, summary, interests, hobbies, skills, job
from users
where user_space = $user_space and is_active and (summary <> '' or len(interests) > 0 or len(hobbies) > 0)
order by user_id
limit 1;
