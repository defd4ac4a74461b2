-- purpose: keep the answers of a file that are new; an answer of the same reviewer and time is replaced
-- grain: one row per answer that is imported
insert or replace into human_labels
    (catalog, task, question_key, answer, reviewer, note, reviewed_at, source, imported_at)
select catalog, task, question_key, answer, reviewer, note, reviewed_at, source, $now
from review_resolved
where outcome = 'imported'
order by place;
