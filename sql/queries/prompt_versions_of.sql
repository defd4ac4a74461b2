-- purpose: the prompts that labels of a task were ever made with
-- grain: one row per prompt, newest first
select prompt_hash, version, note, system_text, user_text, schema::text as schema
from prompt_versions
where task = $task
order by first_seen_at desc, prompt_hash;
