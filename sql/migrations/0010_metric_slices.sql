-- purpose: metrics of slices of the truth, and p-values
-- one row per run, catalog, ranker, slice, metric and cut-off; slice is 'all' for the whole truth
create table metrics_rebuilt (
    run_id text not null,
    catalog text not null,
    ranker text not null,
    slice text not null default 'all',
    metric text not null,
    k integer not null,
    value double,
    ci_low double,
    ci_high double,
    lift double,
    lift_low double,
    lift_high double,
    p_value double,
    p_adjusted double,
    n_users bigint not null,
    as_of date not null,
    created_at timestamp not null,
    primary key (run_id, catalog, ranker, slice, metric, k)
);
insert into metrics_rebuilt by name select * from metrics;
drop table metrics;
alter table metrics_rebuilt rename to metrics;
