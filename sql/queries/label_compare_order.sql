-- purpose: a table of the answers that changed, in the order in which a reader wants them
-- grain: one row per question, those that people have reviewed first; reads the table of label_compare_gather
create or replace temp table changed as
select
    compared.*,
    row_number() over (
        order by coalesce(is_circular or truth is not null, false) desc, before, after, item_id, question_key
    ) as place
from compared
where before <> after;
