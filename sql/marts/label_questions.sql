-- purpose: what today's catalogs ask of labelers, answered or not
-- grain: one row per catalog, task and question; item_id is that of one of the items with this content
with contents as (
    select catalog, content_hash, min(item_id) as item_id from items where is_active group by catalog, content_hash
)
select catalog, 'enrich' as task, content_hash as question_key, item_id, null as other_item_id, null as user_id from contents
union all
select catalog, 'topics', content_hash, item_id, null, null from contents
union all
select pairs.catalog, 'similar', pairs.hash_a || '|' || pairs.hash_b, a.item_id, b.item_id, null
from similar_pairs as pairs
join active_fingerprints as active on active.catalog = pairs.catalog and active.task = 'similar_pairs'
    and active.fingerprint = pairs.fingerprint
join contents as a on a.catalog = pairs.catalog and a.content_hash = pairs.hash_a
join contents as b on b.catalog = pairs.catalog and b.content_hash = pairs.hash_b
union all
select samples.catalog, 'judge', samples.profile_hash || '|' || samples.content_hash, samples.item_id, null, samples.user_id
from judge_samples as samples
join active_fingerprints as active on active.catalog = samples.catalog and active.task = 'judge_design'
    and active.fingerprint = samples.design
join items on items.catalog = samples.catalog and items.item_id = samples.item_id
    and items.content_hash = samples.content_hash and items.is_active
join catalogs on catalogs.catalog = samples.catalog
join users on users.user_space = catalogs.user_space and users.user_id = samples.user_id
    and users.profile_hash = samples.profile_hash and users.is_active
