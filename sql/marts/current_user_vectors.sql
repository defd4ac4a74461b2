-- purpose: today's embedding of each user's profile, as each catalog sees it
-- grain: one row per catalog and active user that has a profile
select active.catalog, users.user_space, users.user_id, users.profile_hash, embeddings.vector
from active_fingerprints as active
join embeddings on embeddings.fingerprint = active.fingerprint
join users on users.profile_hash = embeddings.content_hash and users.is_active
where active.task = 'embed_users'
