-- purpose: what a run's report must know of other runs: whether one has ended since, and the publication that stands
-- grain: one row
select
    (
        select later.run_id
        from runs as later
        join runs as here on here.run_id = $run_id
        where later.started_at > here.started_at and later.status <> 'running'
        order by later.started_at desc
        limit 1
    ) as later_run,
    (select arg_max(publication_id, published_at) from publications) as last_publication;
