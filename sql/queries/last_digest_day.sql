-- purpose: the last day of which a digest was sent, or may have been
-- grain: one row; null before the first
select max(day) as last_day from digests where state <> 'written';
