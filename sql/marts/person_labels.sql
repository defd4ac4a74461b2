-- purpose: what people say of a question: the latest answer of each reviewer, and of these the one with most voices
-- grain: one row per catalog, task and question that people agree on; a tie has no row
with latest as (
    select *
    from human_labels
    qualify row_number() over (
        partition by catalog, task, question_key, reviewer order by reviewed_at desc, imported_at desc
    ) = 1
),
voices as (
    select
        catalog, task, question_key, answer, count(*) as n_voices,
        string_agg(reviewer, ', ' order by reviewer) as reviewers,
        coalesce(string_agg(note, '; ' order by reviewer) filter (note <> ''), '') as note, max(reviewed_at) as reviewed_at
    from latest
    group by catalog, task, question_key, answer
),
counted as (
    select
        *,
        sum(n_voices) over (partition by catalog, task, question_key) as n_reviewers,
        row_number() over (partition by catalog, task, question_key order by n_voices desc, answer) as place,
        count(*) over (partition by catalog, task, question_key, n_voices) as n_equal
    from voices
)
select
    catalog, task, question_key, answer, n_voices / n_reviewers::double as confidence, n_reviewers::bigint as n_reviewers,
    reviewers, note, reviewed_at
from counted
where place = 1 and n_equal = 1
