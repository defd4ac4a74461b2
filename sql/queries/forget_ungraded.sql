-- purpose: pairs that have a grade now are dead letters no more
-- grain: one row per question
delete from dead_letters
where
    catalog = $catalog and task = 'judge' and fingerprint = $fingerprint
    and question_key in (select unnest($keys));
