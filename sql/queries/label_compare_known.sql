-- purpose: the labelings of a task that a catalog's questions have, with the prompt where it is known
-- grain: one row per task and fingerprint, today's first; role is null for one of an earlier day
with questions as (
    select distinct catalog, task, question_key from label_questions where catalog = $catalog and task in ('topics', 'similar', 'judge')
),
counted as (
    select
        answers.task, answers.fingerprint, any_value(answers.labeler) as labeler, count(*) as n_labels,
        min(answers.created_at) as first_at, max(answers.created_at) as last_at
    from label_answers as answers
    join questions on questions.task = answers.task and questions.question_key = answers.question_key
    group by answers.task, answers.fingerprint
)
select
    counted.task, counted.fingerprint, counted.labeler, counted.n_labels, counted.first_at, counted.last_at,
    members.role, members.position, active.fingerprint is not null as is_active,
    coalesce(prompts.version, '') as prompt_version, coalesce(prompts.note, '') as prompt_note
from counted
left join panel_members as members on members.catalog = $catalog and members.task = counted.task
    and members.fingerprint = counted.fingerprint
left join active_fingerprints as active on active.catalog = $catalog and active.task = counted.task
    and active.fingerprint = counted.fingerprint
left join prompt_versions as prompts on prompts.prompt_hash = active.prompt_hash and active.prompt_hash <> ''
order by counted.task, is_active desc, members.position nulls last, counted.last_at desc, counted.fingerprint;
