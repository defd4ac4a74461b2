-- purpose: which answers the labelers give together to one question, abstentions left out
-- grain: one row per sorted list of two answers or more; reads the table of label_report_gather
with together as (
    select list(answer order by answer) as answers
    from report_answers
    where role <> 'counts' and answer <> '(none of these)'
    group by question_key
    having count(*) > 1
)
select answers, count(*) as n from together group by answers order by answers;
