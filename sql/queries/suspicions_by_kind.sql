-- purpose: texts that seem to address a model, with an example
-- grain: one row per catalog, source and kind
select catalog, source, kind, count(*) as n_texts, any_value(excerpt) as example
from injection_suspected
group by catalog, source, kind
order by catalog, source, n_texts desc, kind;
