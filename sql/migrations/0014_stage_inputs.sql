-- purpose: what each stage has read, so that an unchanged one is kept; near pairs and groups without an index in memory

-- One row a catalog and stage that ended whole: a digest of each thing that it read, and the run that did it. A stage's row is
-- removed before the stage runs again, so that one that died or failed has none.
create table stage_inputs (
    catalog text not null,
    stage text not null,
    run_id text not null,
    as_of date not null,
    inputs json not null,
    rows_in bigint not null,
    rows_out bigint not null,
    recorded_at timestamp not null
);

-- The run whose result stands where a stage was kept; null where it did its work.
alter table stage_runs add column kept_from text;

-- DuckDB holds the index of a primary key in memory: for a million items gigabytes. One process writes; an append leaves out what is
-- there, and the audit repeated_labels watches over it.
create table neighbour_scans_rebuilt (
    catalog text not null,
    content_hash text not null,
    fingerprint text not null,
    run_id text not null
);
insert into neighbour_scans_rebuilt by name select * from neighbour_scans;
drop table neighbour_scans;
alter table neighbour_scans_rebuilt rename to neighbour_scans;

create table similar_pairs_rebuilt (
    catalog text not null,
    hash_a text not null,
    hash_b text not null,
    fingerprint text not null,
    cosine double not null,
    run_id text not null
);
insert into similar_pairs_rebuilt by name select * from similar_pairs;
drop table similar_pairs;
alter table similar_pairs_rebuilt rename to similar_pairs;

create table item_groups_rebuilt (
    catalog text not null,
    item_id text not null,
    group_id text not null,
    n_items bigint not null,
    run_id text not null
);
insert into item_groups_rebuilt by name select * from item_groups;
drop table item_groups;
alter table item_groups_rebuilt rename to item_groups;
