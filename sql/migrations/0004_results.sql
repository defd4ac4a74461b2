-- purpose: models, measurements, gates and publications
create table models (
    catalog text not null,
    model_id text not null,
    file text not null,
    sha256 text not null,
    metadata json not null,
    run_id text not null,
    trained_at timestamp not null,
    primary key (catalog, model_id)
);

-- lift: what LambdaMART has more than this ranker on the same users, with the interval of the paired difference.
create table metrics (
    run_id text not null,
    catalog text not null,
    ranker text not null,
    metric text not null,
    k integer not null,
    value double,
    ci_low double,
    ci_high double,
    lift double,
    lift_low double,
    lift_high double,
    n_users bigint not null,
    as_of date not null,
    created_at timestamp not null,
    primary key (run_id, catalog, ranker, metric, k)
);

create table quality_results (
    run_id text not null,
    catalog text not null,
    suite text not null,
    expectation text not null,
    column_name text not null,
    severity text not null check (severity in ('critical', 'warning')),
    is_success boolean not null,
    observed text not null,
    expected text not null,
    n_unexpected bigint not null,
    sample json not null,
    created_at timestamp not null,
    primary key (run_id, catalog, suite, expectation, column_name)
);

create table publications (
    publication_id text primary key,
    run_id text not null,
    folder text not null,
    manifest_sha256 text not null,
    schema_version text not null,
    n_files bigint not null,
    n_rows bigint not null,
    published_at timestamp not null
);
