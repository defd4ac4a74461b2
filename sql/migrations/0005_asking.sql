-- purpose: runs that end in order before all is done, the prompts that labels were made with, and texts that address a model
create table runs_rebuilt (
    run_id text primary key,
    as_of date not null,
    status text not null check (status in ('running', 'completed', 'partial', 'failed', 'gated', 'interrupted')),
    catalogs text[] not null,
    started_at timestamp not null,
    finished_at timestamp,
    peak_rss_mb double,
    code_version text not null,
    message text not null default ''
);
insert into runs_rebuilt by name select * from runs;
drop table runs;
alter table runs_rebuilt rename to runs;

create table stage_runs_rebuilt (
    run_id text not null,
    catalog text not null,
    stage text not null,
    status text not null check (status in ('running', 'completed', 'partial', 'failed')),
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
insert into stage_runs_rebuilt by name select * from stage_runs;
drop table stage_runs;
alter table stage_runs_rebuilt rename to stage_runs;

-- Every prompt that labels were ever made with, as it stood when it was first used.
create table prompt_versions (
    prompt_hash text primary key,
    task text not null,
    catalog text not null,
    version text not null,
    note text not null,
    system_text text not null,
    user_text text not null,
    schema json not null,
    first_seen_at timestamp not null
);

-- One row per place in an item's or profile's text that seems to be meant for a model.
create table injection_suspected (
    catalog text not null,
    content_hash text not null,
    kind text not null,
    excerpt text not null,
    source text not null check (source in ('item', 'profile')),
    run_id text not null,
    created_at timestamp not null,
    primary key (catalog, content_hash, kind)
);

-- Replies lie in llm.sqlite beside the database; what was stored here has keys that nobody looks up any more.
drop table llm_replies;
