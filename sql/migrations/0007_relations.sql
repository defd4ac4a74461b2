-- purpose: how items are related, and what a user said when they came: onboarding answers and a segment
-- One row per catalog, item, related item and relation; made anew each night. sequel points from a part to the next one,
-- every other relation lies here in both directions. strength: how much it says that who liked the one wants the other.
create table item_relations (
    catalog text not null,
    item_id text not null,
    related_id text not null,
    relation text not null check (relation in ('series', 'sequel', 'author', 'brand', 'same_story', 'also_bought')),
    source text not null,
    strength double not null check (strength > 0 and strength <= 1),
    run_id text not null
);

alter table users add column onboarding text[] not null default [];
alter table users add column segment text not null default '';
