-- purpose: empty staging tables of this connection, filled by the readers
-- grain: one row per row read; of interactions, which are many, files have numbers; one row per file, and per hash that two rows share
create or replace temp table staged_items (
    seq bigint, file text, line bigint, item_id text, title text, text text, author text, url text, category text,
    language text, published_at timestamp, price double, attributes text
);
create or replace temp table staged_users (
    seq bigint, file text, line bigint, user_id text, name text, age integer, job text, skills text[], hobbies text[],
    interests text[], summary text, onboarding text[] default [], segment text default '', attributes text
);
create or replace temp table staged_interactions (
    file_number integer, line bigint, user_id text, item_id text, event text, value double, occurred_at timestamp
);
create or replace temp table staged_files (file_number integer, file text);
create or replace temp table repeated_hashes (row_hash ubigint);
create or replace temp table staged_bad (kind text, file text, line bigint, reason text, raw text);
create or replace temp table kept_kinds (kind text, run_id text);
