-- purpose: what a labeler made of users' profiles and histories to search by

-- One row per question and fingerprint. No primary key: DuckDB holds its index in memory, and a work list holds only what has
-- no answer yet; the audit repeated_labels watches over it.
create table user_queries (
    question_key text not null,
    fingerprint text not null,
    labeler text not null,
    queries text[] not null,
    needs text[] not null,
    avoid text[] not null,
    confidence double not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null
);
