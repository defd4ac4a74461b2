-- purpose: make room for some users' grades, which are computed anew from orders that are stored; nothing paid is lost
-- grain: one row per profile and content hash of the catalog's sample
delete from judge_labels
where
    fingerprint = $fingerprint
    and profile_hash in (select unnest($profile_hashes))
    and exists (
        select 1 from judge_samples as samples
        where
            samples.catalog = $catalog and samples.design = $design
            and samples.profile_hash = judge_labels.profile_hash and samples.content_hash = judge_labels.content_hash
    );
