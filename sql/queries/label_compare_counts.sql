-- purpose: how two labelings differ, and on how many questions people have spoken
-- grain: one row; reads the table of label_compare_gather
select
    count(*) as n_both, count(*) filter (before <> after) as n_changed, count(truth) as n_gold,
    count(*) filter (is_circular) as n_circular
from compared;
