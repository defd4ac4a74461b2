-- purpose: a paid reply
-- grain: one row
select reply::text as reply from llm_replies where key = $key;
