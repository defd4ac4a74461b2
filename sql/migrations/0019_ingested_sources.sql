-- purpose: interactions without a key of their own, and what was last read of each source

-- An interaction is what its columns say; equal rows are found by these. A hash of each as text and the index over it took
-- more room than the rows, and more time than reading them.
create table interactions_without_key (
    catalog text not null,
    user_id text not null,
    item_id text not null,
    event text not null,
    value double,
    occurred_at timestamp,
    first_seen_at timestamp not null
);
insert into interactions_without_key
select catalog, user_id, item_id, event, value, occurred_at, first_seen_at from interactions;
drop table interactions;
alter table interactions_without_key rename to interactions;

-- One row a catalog and kind: what its sources held (sha256 of settings and bytes; empty after a trial with a limit) when they
-- were read whole for the last time, and by which run. Sources that still hold the same are not read again.
create table ingested_sources (
    catalog text not null,
    kind text not null,
    digest text not null,
    run_id text not null,
    primary key (catalog, kind)
);
