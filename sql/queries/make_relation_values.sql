-- purpose: an empty table of this connection for what items share: a series, an author, a brand, a story
-- grain: one row per relation, source, item and value; part is the item's number within the series, null where unknown
create or replace temp table relation_values (relation text, source text, item_id text, value text, part double);
