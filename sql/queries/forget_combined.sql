-- purpose: the combined labels of a task, before tonight's are stored
-- grain: one row per question
delete from combined_labels where catalog = $catalog and task = $task;
