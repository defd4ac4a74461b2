-- purpose: which publication was the latest when, how each compares with the one before it, and runs of past days
alter table runs add column is_backfill boolean default false;

alter table publications add column is_backfill boolean default false;

-- One row a stay as the latest; until is null for the one that is the latest now. reason: published or rolled back.
create table latest_publications (
    publication_id text not null,
    run_id text not null,
    since timestamp not null,
    until timestamp,
    reason text not null check (reason in ('published', 'rolled back')),
    primary key (publication_id, since)
);

-- One row a run and catalog: the publication beside the one that was the latest before it. overlap: the share of
-- n_compared earlier recommendations that could be given again and were; null where there were too few to tell.
create table publication_comparisons (
    run_id text not null,
    catalog text not null,
    against text not null,
    as_of date not null,
    against_as_of date not null,
    covered_share double not null,
    covered_share_before double not null,
    n_compared bigint not null,
    n_kept bigint not null,
    overlap double,
    created_at timestamp not null,
    primary key (run_id, catalog)
);
