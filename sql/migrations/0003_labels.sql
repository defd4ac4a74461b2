-- purpose: what was derived from content, keyed by content hash and producer fingerprint

-- One row per catalog and task: the producer whose rows count today.
create table active_fingerprints (
    catalog text not null,
    task text not null,
    fingerprint text not null,
    labeler text not null,
    prompt_hash text not null,
    run_id text not null,
    set_at timestamp not null,
    primary key (catalog, task)
);

create table enrichments (
    content_hash text not null,
    fingerprint text not null,
    labeler text not null,
    summary text not null,
    themes text[] not null,
    mood text not null,
    audience text not null,
    keywords text[] not null,
    aspects json not null,
    confidence double not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null,
    primary key (content_hash, fingerprint)
);

-- content_hash is an item's content hash or a user's profile hash.
create table embeddings (
    content_hash text not null,
    fingerprint text not null,
    vector float[] not null,
    run_id text not null,
    created_at timestamp not null,
    primary key (content_hash, fingerprint)
);

create table topic_prototypes (
    catalog text not null,
    version text not null,
    basis_hash text not null,
    n_items bigint not null,
    prototypes json not null,
    run_id text not null,
    fitted_at timestamp not null,
    primary key (catalog, version)
);

create table topic_labels (
    content_hash text not null,
    fingerprint text not null,
    labeler text not null,
    primary_topic text,
    topics struct(topic text, confidence double)[] not null,
    confidence double not null,
    reason text not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null,
    primary key (content_hash, fingerprint)
);

-- Items whose neighbours have been looked up under an embedding and threshold.
create table neighbour_scans (
    catalog text not null,
    content_hash text not null,
    fingerprint text not null,
    run_id text not null,
    primary key (catalog, content_hash, fingerprint)
);

-- Pairs above the threshold; hash_a < hash_b.
create table similar_pairs (
    catalog text not null,
    hash_a text not null,
    hash_b text not null,
    fingerprint text not null,
    cosine double not null,
    run_id text not null,
    primary key (catalog, hash_a, hash_b, fingerprint)
);

create table similarity_labels (
    hash_a text not null,
    hash_b text not null,
    fingerprint text not null,
    labeler text not null,
    is_similar boolean not null,
    cosine double not null,
    confidence double not null,
    reason text not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null,
    primary key (hash_a, hash_b, fingerprint)
);

-- Near-duplicates of one another; group_id is the smallest item id of the group; items alone have no row.
create table item_groups (
    catalog text not null,
    item_id text not null,
    group_id text not null,
    n_items bigint not null,
    run_id text not null,
    primary key (catalog, item_id)
);

-- Users and items for which the coin of the sampling design has been thrown; one throw a pair, for ever.
create table judge_drawn (
    catalog text not null,
    design text not null,
    kind text not null check (kind in ('user', 'item')),
    key_hash text not null,
    run_id text not null,
    primary key (catalog, design, kind, key_hash)
);

create table judge_samples (
    catalog text not null,
    user_id text not null,
    item_id text not null,
    profile_hash text not null,
    content_hash text not null,
    design text not null,
    stratum text not null,
    sampling_probability double not null check (sampling_probability > 0 and sampling_probability <= 1),
    run_id text not null,
    primary key (catalog, profile_hash, content_hash, design)
);

create table judge_labels (
    profile_hash text not null,
    content_hash text not null,
    fingerprint text not null,
    labeler text not null,
    relevance integer not null check (relevance between 0 and 3),
    confidence double not null,
    reason text not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null,
    primary key (profile_hash, content_hash, fingerprint)
);

create table dead_letters (
    catalog text not null,
    task text not null,
    question_key text not null,
    fingerprint text not null,
    labeler text not null,
    reason text not null,
    raw_reply text not null,
    attempts integer not null,
    run_id text not null,
    created_at timestamp not null,
    primary key (catalog, task, question_key, fingerprint)
);

-- Each valid reply is stored before it is used, under a key of all that changes the answer.
create table llm_replies (
    key text primary key,
    task text not null,
    model text not null,
    reply json not null,
    stored_at timestamp not null
);
