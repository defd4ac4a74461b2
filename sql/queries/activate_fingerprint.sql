-- purpose: from now on, the rows of this producer count for this catalog and task
-- grain: one row
insert into active_fingerprints values ($catalog, $task, $fingerprint, $labeler, $prompt_hash, $run_id, $now)
on conflict (catalog, task) do update set
    fingerprint = excluded.fingerprint,
    labeler = excluded.labeler,
    prompt_hash = excluded.prompt_hash,
    run_id = excluded.run_id,
    set_at = excluded.set_at
where
    active_fingerprints.fingerprint <> excluded.fingerprint
    or active_fingerprints.labeler <> excluded.labeler
    or active_fingerprints.prompt_hash <> excluded.prompt_hash;
