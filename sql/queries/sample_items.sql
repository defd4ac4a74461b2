-- purpose: two items to show a prompt with
-- grain: one row per content hash, at most two
select content_hash, any_value(title) as title, any_value(text) as text, any_value(author) as author
from items
where catalog = $catalog and is_active
group by content_hash
order by content_hash
limit 2;
