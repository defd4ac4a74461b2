-- purpose: who answers a task: how much, how often not, and at what price
-- grain: one row per voice, the label that counts last; reads the tables of label_report_members and label_report_gather
with dead as (
    select fingerprint, count(*) as n_dead from dead_letters where catalog = $catalog and task = $task group by fingerprint
),
voices as (
    select position, role, voice, fingerprint from report_members
    union
    select position, role, voice, fingerprint from report_answers where role = 'counts'
)
select
    voices.voice, voices.role, voices.fingerprint, count(answers.question_key) as n_labels,
    count(*) filter (answers.answer = '(none of these)') as n_abstained,
    coalesce(any_value(dead.n_dead), 0) as n_dead,
    coalesce(avg(answers.confidence), 'nan'::double) as confidence,
    coalesce(sum(answers.requests), 0)::bigint as n_requests,
    coalesce(sum(answers.tokens), 0)::bigint as n_tokens,
    coalesce(sum(answers.cost_usd), 0)::double as cost_usd,
    count(answers.truth) as n_gold
from voices
left join report_answers as answers on answers.voice = voices.voice
left join dead on dead.fingerprint = voices.fingerprint
group by voices.voice, voices.role, voices.fingerprint, voices.position
order by voices.position;
