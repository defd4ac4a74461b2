-- purpose: the catalog as it was ingested, and what was refused
create table items (
    catalog text not null,
    item_id text not null,
    title text not null,
    text text not null,
    author text not null,
    url text not null,
    category text not null,
    language text not null,
    published_at timestamp,
    price double,
    attributes json not null,
    content_hash text not null,
    is_active boolean not null,
    first_seen_at timestamp not null,
    changed_at timestamp not null,
    last_seen_run text not null,
    primary key (catalog, item_id)
);

create table users (
    user_space text not null,
    user_id text not null,
    name text not null,
    age integer,
    job text not null,
    skills text[] not null,
    hobbies text[] not null,
    interests text[] not null,
    summary text not null,
    attributes json not null,
    profile_hash text not null,
    source_catalog text not null,
    origin text not null check (origin in ('source', 'interactions', 'simulated')),
    is_active boolean not null,
    first_seen_at timestamp not null,
    changed_at timestamp not null,
    last_seen_run text not null,
    primary key (user_space, user_id)
);

create table interactions (
    catalog text not null,
    user_id text not null,
    item_id text not null,
    event text not null,
    value double,
    occurred_at timestamp,
    row_hash text not null,
    first_seen_at timestamp not null,
    primary key (catalog, row_hash)
);

create table quarantine (
    catalog text not null,
    kind text not null,
    file text not null,
    line bigint not null,
    reason text not null,
    raw text not null,
    row_hash text not null,
    first_seen_run text not null,
    last_seen_run text not null,
    primary key (catalog, kind, file, row_hash)
);

-- One row per run, catalog and kind: n_in = n_stored + n_quarantined + n_exact_duplicates.
create table ingest_counts (
    run_id text not null,
    catalog text not null,
    kind text not null,
    n_in bigint not null,
    n_stored bigint not null,
    n_quarantined bigint not null,
    n_exact_duplicates bigint not null,
    n_new bigint not null,
    n_changed bigint not null,
    n_gone bigint not null,
    primary key (run_id, catalog, kind)
);

-- One row per catalog that was ever ingested.
create table catalogs (
    catalog text primary key,
    user_space text not null,
    title text not null,
    licence text not null,
    config_hash text not null,
    file text not null,
    parameters json not null,
    last_seen_run text not null
);

-- How much an event says of a user's interest; the first rule by position that fits an interaction counts.
create table catalog_events (
    catalog text not null,
    position integer not null,
    event text not null,
    min_value double,
    weight double not null,
    is_seen boolean not null,
    primary key (catalog, position)
);

-- What an event says of relevance, 0 to 3; the first rule by position that fits counts.
create table catalog_grades (
    catalog text not null,
    position integer not null,
    event text not null,
    min_value double,
    grade integer not null check (grade between 0 and 3),
    primary key (catalog, position)
);
