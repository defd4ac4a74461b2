-- purpose: how today's labels that count are spread over the answers
-- grain: one row per task (topics, similar, judge) and answer; '(none of these)' is an abstention
select 'topics' as task, coalesce(primary_topic, '(none of these)') as answer, count(*) as n
from current_topic_labels
where catalog = $catalog
group by all
union all
select 'similar', is_similar::text, count(*) from current_similarity_labels where catalog = $catalog group by all
union all
select 'judge', relevance::text, count(*) from current_judge_labels where catalog = $catalog group by all
order by task, answer;
