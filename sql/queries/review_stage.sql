-- purpose: an empty table for the answers of a file that people filled in, until they are checked
-- grain: one row per row of the file; question_key is null where the file names items and users instead
create or replace temp table review_incoming (
    place bigint not null,
    catalog text not null,
    task text not null,
    question_key text,
    item_id text,
    other_item_id text,
    user_id text,
    answer text,
    reviewer text not null,
    note text not null,
    reviewed_at timestamp,
    source text not null,
    problem text
);
