-- purpose: labels whose confidence is not a number in [0, 1]
-- grain: one row per label of today's producers, at most 100; n_bad counts all of them
with confidences as (
    select 'enrich' as task, item_id as label_of, labeler, confidence from current_enrichments where catalog = $catalog
    union all
    select 'topics', item_id, labeler, confidence from current_topic_labels where catalog = $catalog
    union all
    select 'topics', item_id || ' ' || scored.topic, labeler, scored.confidence
    from (select item_id, labeler, unnest(topics) as scored from current_topic_labels where catalog = $catalog)
    union all
    select 'similar', hash_a || '|' || hash_b, labeler, confidence from current_similarity_labels where catalog = $catalog
    union all
    select 'judge', user_id || ' ' || item_id, labeler, confidence from current_judge_labels where catalog = $catalog
)
select task, label_of, labeler, confidence, count(*) over () as n_bad
from confidences
-- NaN is greater than every number in DuckDB, so that it is caught here too
where confidence is null or confidence < 0 or confidence > 1
order by task, label_of
limit 100;
