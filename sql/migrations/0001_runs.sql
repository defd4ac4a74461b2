-- purpose: what ran, what each stage did, and where it left its files
create table runs (
    run_id text primary key,
    as_of date not null,
    status text not null check (status in ('running', 'completed', 'failed', 'gated', 'interrupted')),
    catalogs text[] not null,
    started_at timestamp not null,
    finished_at timestamp,
    peak_rss_mb double,
    code_version text not null,
    message text not null default ''
);

create table stage_runs (
    run_id text not null,
    catalog text not null,
    stage text not null,
    status text not null check (status in ('running', 'completed', 'failed')),
    rows_in bigint not null default 0,
    rows_out bigint not null default 0,
    dropped json not null default '{}',
    requests bigint not null default 0,
    tokens_in bigint not null default 0,
    tokens_out bigint not null default 0,
    cost_usd double not null default 0,
    seconds double not null default 0,
    peak_rss_mb double not null default 0,
    notes text[] not null default [],
    started_at timestamp not null,
    finished_at timestamp,
    primary key (run_id, catalog, stage)
);

-- Files that are complete; a stage that died leaves a folder that no row names.
create table stage_outputs (
    run_id text not null,
    catalog text not null,
    stage text not null,
    folder text not null,
    n_rows bigint not null,
    created_at timestamp not null,
    primary key (run_id, catalog, stage)
);
