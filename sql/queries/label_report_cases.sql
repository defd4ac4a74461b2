-- purpose: everything that a reader needs to see of some questions: texts, what each voice says and why, what people say
-- grain: one row per question and voice of $keys, the label that counts last; runner_up is the second topic that was named
with chosen as (
    select * from report_answers where question_key in (select unnest($keys))
),
reasons as (
    select question_key, fingerprint, reason
    from label_answers
    where task = $task and question_key in (select unnest($keys))
    union all
    select content_hash, fingerprint, summary
    from enrichments
    where $task = 'enrich' and content_hash in (select unnest($keys))
),
named as (
    select content_hash, fingerprint, topics
    from topic_labels
    where $task = 'topics' and content_hash in (select unnest($keys))
),
people as (
    select question_key, coalesce(answer, '(none of these)') as answer, note
    from person_labels
    where catalog = $catalog and task = $task
)
select
    chosen.question_key, chosen.voice, chosen.role, chosen.answer, chosen.confidence,
    coalesce(reasons.reason, '')[:300] as reason,
    list_filter(named.topics, lambda one: one.topic <> chosen.answer)[1].topic as runner_up,
    list_filter(named.topics, lambda one: one.topic <> chosen.answer)[1].confidence as runner_up_confidence,
    chosen.item_id, a.title[:200] as title, b.title[:200] as other_title,
    left(concat_ws('; ', nullif(users.summary, ''), nullif(array_to_string(users.interests, ', '), '')), 240) as reader,
    people.answer as person, people.note
from chosen
left join reasons on reasons.question_key = chosen.question_key and reasons.fingerprint = chosen.fingerprint
left join named on named.content_hash = chosen.question_key and named.fingerprint = chosen.fingerprint
left join items as a on a.catalog = $catalog and a.item_id = chosen.item_id
left join items as b on b.catalog = $catalog and b.item_id = chosen.other_item_id
left join catalogs on catalogs.catalog = $catalog
left join users on users.user_space = catalogs.user_space and users.user_id = chosen.user_id
left join people on people.question_key = chosen.question_key
order by chosen.question_key, chosen.position;
