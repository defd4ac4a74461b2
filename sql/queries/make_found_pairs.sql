-- purpose: room for the pairs that a block of contents has found, for this connection alone
-- grain: one row per pair of content hashes
create or replace temp table found_pairs (hash_a text, hash_b text, cosine double);
