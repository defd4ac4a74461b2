-- purpose: what people have reviewed, and where they disagree so that no answer counts
-- grain: one row per catalog and task that people have answered anything of
select
    human.catalog, human.task, count(distinct human.question_key) as n_questions,
    count(distinct human.reviewer) as n_reviewers,
    count(distinct (human.question_key, human.reviewer)) as n_answers,
    count(distinct human.question_key) - count(distinct person.question_key) as n_ties,
    max(human.reviewed_at) as last_reviewed_at
from human_labels as human
left join person_labels as person on person.catalog = human.catalog and person.task = human.task
    and person.question_key = human.question_key
group by human.catalog, human.task
order by human.catalog, human.task;
