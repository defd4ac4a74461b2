-- purpose: what was said of served lists: their order, and why each item is in them
-- An order that a labeler gave to a window of a list; items stand in the order in which they were shown. ranks: 1 the
-- best, 0 where the answer left the item out; n_invented and n_repeated count what else stood in the answer.
create table rerank_orders (
    profile_hash text not null,
    content_hashes text[] not null,
    ranks integer[] not null,
    n_invented integer not null,
    n_repeated integer not null,
    fingerprint text not null,
    labeler text not null,
    confidence double not null,
    reason text not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null
);

-- Why an item is in a user's list. question_key: hashes of profile and content, and of the facts that were given.
-- An explanation with an entry in ungrounded says what none of them carries, and is never served.
create table explanations (
    question_key text not null,
    profile_hash text not null,
    explanation text not null,
    content text,
    popularity text,
    diversity text,
    time text,
    n_claims bigint not null,
    ungrounded text[] not null,
    fingerprint text not null,
    labeler text not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null
);
