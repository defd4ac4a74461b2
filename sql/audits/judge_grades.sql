-- purpose: what the judge's labels look like, and with what probability their pairs were sampled
-- grain: one row per stratum and relevance grade of catalog $catalog
select
    stratum,
    relevance,
    count(*) as n_pairs,
    min(sampling_probability) as min_probability,
    max(sampling_probability) as max_probability
from current_judge_labels
where catalog = $catalog
group by stratum, relevance
order by stratum, relevance;
