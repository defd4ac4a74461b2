-- purpose: how the digests of $day stand
-- grain: one row per state
select state, count(*) as n_users
from digests
where day = $day
group by state
order by state;
