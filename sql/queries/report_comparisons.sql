-- purpose: what a run published beside the publication that was the latest before it
-- grain: one row per catalog; overlap is null where too little could be compared
select catalog, against, covered_share, covered_share_before, n_compared, n_kept, overlap
from publication_comparisons
where run_id = $run_id
order by catalog;
