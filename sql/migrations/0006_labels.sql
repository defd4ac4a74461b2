-- purpose: label tables without a primary key, several labelers a task, people's labels, and what they combine to
-- DuckDB holds the index of a primary key in memory, 150 MB for a million labels. A work list holds only what has no label and one process writes, so that an append repeats nothing; the audit
-- repeated_labels watches over it.
create table enrichments_rebuilt (
    content_hash text not null,
    fingerprint text not null,
    labeler text not null,
    summary text not null,
    themes text[] not null,
    mood text not null,
    audience text not null,
    keywords text[] not null,
    aspects json not null,
    n_claims bigint not null default 0,
    ungrounded text[] not null default [],
    confidence double not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null
);
insert into enrichments_rebuilt by name select * from enrichments;
drop table enrichments;
alter table enrichments_rebuilt rename to enrichments;

create table topic_labels_rebuilt (
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
    created_at timestamp not null
);
insert into topic_labels_rebuilt by name select * from topic_labels;
drop table topic_labels;
alter table topic_labels_rebuilt rename to topic_labels;

create table similarity_labels_rebuilt (
    hash_a text not null,
    hash_b text not null,
    fingerprint text not null,
    labeler text not null,
    is_similar boolean not null,
    is_same_topic boolean,
    cosine double not null,
    confidence double not null,
    reason text not null,
    requests bigint not null,
    tokens_in bigint not null,
    tokens_out bigint not null,
    cost_usd double not null,
    run_id text not null,
    created_at timestamp not null
);
insert into similarity_labels_rebuilt by name select * from similarity_labels;
drop table similarity_labels;
alter table similarity_labels_rebuilt rename to similarity_labels;

create table judge_labels_rebuilt (
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
    created_at timestamp not null
);
insert into judge_labels_rebuilt by name select * from judge_labels;
drop table judge_labels;
alter table judge_labels_rebuilt rename to judge_labels;

-- An order that a judge gave to some items of a user; items stand in the order in which they were shown.
create table judge_rankings (
    profile_hash text not null,
    content_hashes text[] not null,
    ranks integer[] not null,
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

-- The two levels of a catalog's taxonomy; parent is null for a topic of the upper level.
create table catalog_topics (
    catalog text not null,
    position bigint not null,
    topic text not null,
    parent text,
    description text not null,
    primary key (catalog, topic)
);

-- Who answers a task today, in the order of the catalog file; a cascade's strong labeler comes last.
create table panel_members (
    catalog text not null,
    task text not null,
    position bigint not null,
    role text not null check (role in ('member', 'cheap', 'strong')),
    fingerprint text not null,
    labeler text not null,
    run_id text not null,
    set_at timestamp not null,
    primary key (catalog, task, position)
);

-- What people said. answer: a topic, 'true' or 'false', a grade; null: none of these.
create table human_labels (
    catalog text not null,
    task text not null check (task in ('enrich', 'topics', 'similar', 'judge')),
    question_key text not null,
    answer text,
    reviewer text not null,
    note text not null,
    reviewed_at timestamp not null,
    source text not null,
    imported_at timestamp not null,
    primary key (catalog, task, question_key, reviewer, reviewed_at)
);

-- One label a question, made of several answers, for free and anew each night.
create table combined_labels (
    catalog text not null,
    task text not null,
    question_key text not null,
    answer text,
    confidence double not null,
    score double,
    n_labelers bigint not null,
    method text not null,
    source text not null,
    run_id text not null,
    created_at timestamp not null
);

-- Contents that the strong labeler is asked about whoever else has answered; probability is that of being drawn.
create table audit_samples (
    catalog text not null,
    task text not null,
    question_key text not null,
    probability double not null check (probability > 0 and probability <= 1),
    run_id text not null,
    primary key (catalog, task, question_key)
);

-- Whom a cascade asks about which contents, and why; a question stays until it is answered.
create table cascade_questions (
    catalog text not null,
    role text not null check (role in ('cheap', 'strong')),
    question_key text not null,
    why text not null check (why in ('audit', 'start', 'unsure', 'dispute')),
    run_id text not null,
    primary key (catalog, role, question_key)
);

-- What was learned from labels: a cascade's student.
create table label_models (
    catalog text not null,
    task text not null,
    kind text not null check (kind = 'student'),
    subject text not null,
    version text not null,
    model json not null,
    facts json not null,
    run_id text not null,
    created_at timestamp not null,
    primary key (catalog, task, kind, subject)
);

-- What is known about labels: agreement, accuracy on people's labels, shares of a cascade, shift, cost.
create table label_metrics (
    run_id text not null,
    catalog text not null,
    task text not null,
    metric text not null,
    subject text not null,
    value double,
    low double,
    high double,
    n bigint not null,
    created_at timestamp not null,
    primary key (run_id, catalog, task, metric, subject)
);
