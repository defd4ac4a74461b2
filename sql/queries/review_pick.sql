-- purpose: questions that people should decide, the most doubtful of each reason in turn, with what they need to see
-- grain: one row per catalog and question of one task, at most $n, in the order in which they should be looked at
with questions as (
    select catalog, question_key, min(item_id) as item_id, min(other_item_id) as other_item_id, min(user_id) as user_id
    from label_questions
    where task = $task and list_contains($catalogs, catalog)
    group by catalog, question_key
),
described as (
    select
        catalog, content_hash, any_value(labeler) as labeler, any_value(summary) as summary,
        any_value(array_to_string(keywords, ', ')) as keywords, max(created_at) as created_at,
        any_value(confidence * (1 - len(ungrounded) / greatest(n_claims, len(ungrounded), 1))) as confidence
    from current_enrichments
    group by catalog, content_hash
),
answers as (
    select catalog, question_key, fingerprint, labeler, answer, confidence
    from panel_answers
    where task = $task
    union
    select active.catalog, said.question_key, said.fingerprint, said.labeler, said.answer, said.confidence
    from active_fingerprints as active
    join label_answers as said on said.task = active.task and said.fingerprint = active.fingerprint
    where active.task = $task
    union
    select catalog, content_hash, '', labeler, summary, confidence from described where $task = 'enrich'
),
-- the label that would count without people
machine as (
    select catalog, question_key, arg_min(confidence, precedence) as confidence
    from (
        select catalog, question_key, confidence, 1 as precedence from combined_labels where task = $task
        union all
        select active.catalog, said.question_key, said.confidence, 2
        from active_fingerprints as active
        join label_answers as said on said.task = active.task and said.fingerprint = active.fingerprint
        where active.task = $task
        union all
        select catalog, content_hash, confidence, 2 from described where $task = 'enrich'
    )
    group by catalog, question_key
),
-- the smaller the doubt's number, the sooner a person should look
doubts as (
    select catalog, question_key, 'low-confidence' as reason, confidence as doubt from machine
    union all
    select catalog, question_key, 'disagreement', max(n_voices) / sum(n_voices)
    from (
        select catalog, question_key, coalesce(answer, '') as answer, count(*) as n_voices from answers group by all
    )
    group by catalog, question_key
    having count(*) > 1
    union all
    select distinct catalog, question_key, 'dead-letter', 0.0 from dead_letters where task = $task and task <> 'enrich'
    union all
    select catalog, question_key, 'audit', 0.0 from audit_samples where task = $task
),
-- a verdict on a description says nothing of one that was made later
reviewed as (
    select distinct human.catalog, human.question_key
    from human_labels as human
    left join described on described.catalog = human.catalog and described.content_hash = human.question_key
    where human.task = $task and (human.task <> 'enrich' or human.reviewed_at >= described.created_at)
),
placed as (
    select
        doubts.catalog, doubts.question_key, doubts.reason, list_position($reasons, doubts.reason) as reason_place,
        row_number() over (
            partition by doubts.catalog, doubts.reason order by doubts.doubt, md5(doubts.question_key)
        ) as place
    from doubts
    join questions using (catalog, question_key)
    left join reviewed using (catalog, question_key)
    where list_contains($reasons, doubts.reason) and ($again or reviewed.question_key is null)
),
-- every label has a confidence, so that this is a reason only where nothing else came first
picked as (
    select
        catalog, question_key, min(place * 100 + reason_place) as turn,
        list(reason order by reason_place) filter (reason <> 'low-confidence' or place = first_place) as why
    from (select *, min(place) over (partition by catalog, question_key) as first_place from placed)
    group by catalog, question_key
    order by turn, md5(question_key), catalog
    limit $n
),
said as (
    select
        catalog, question_key,
        list(struct_pack(labeler := labeler, answer := answer, confidence := confidence) order by labeler, fingerprint) as labels
    from answers
    join picked using (catalog, question_key)
    group by catalog, question_key
)
select
    picked.catalog, $task as task, picked.question_key, picked.why, questions.item_id, a.title, a.text,
    questions.other_item_id, b.title as other_title, b.text as other_text,
    users.job, users.skills, users.hobbies, users.interests, users.summary,
    described.summary as description, described.keywords, machine.confidence, said.labels
from picked
join questions using (catalog, question_key)
join items as a on a.catalog = picked.catalog and a.item_id = questions.item_id
join catalogs on catalogs.catalog = picked.catalog
left join items as b on b.catalog = picked.catalog and b.item_id = questions.other_item_id
left join users on users.user_space = catalogs.user_space and users.user_id = questions.user_id
left join described on $task = 'enrich' and described.catalog = picked.catalog
    and described.content_hash = picked.question_key
left join machine on machine.catalog = picked.catalog and machine.question_key = picked.question_key
left join said on said.catalog = picked.catalog and said.question_key = picked.question_key
order by picked.turn, md5(picked.question_key), picked.catalog;
