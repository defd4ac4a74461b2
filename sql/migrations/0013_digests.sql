-- purpose: who got a digest on which day, so that nobody gets two

-- One row a user and day, made before the mail is handed over. What stays `claimed` was interrupted: it may have been sent,
-- and is not sent again. A row is removed where the server certainly did not take the mail. items: "catalog/item_id".
create table digests (
    user_space text not null,
    user_id text not null,
    day date not null,
    state text not null check (state in ('claimed', 'sent', 'written', 'refused', 'uncertain')),
    n_items integer not null,
    items text[] not null,
    message_id text not null,
    reply text not null default '',
    attempts integer not null default 0,
    publication_id text not null,
    run_id text not null,
    claimed_at timestamp not null,
    finished_at timestamp,
    primary key (user_space, user_id, day)
);
