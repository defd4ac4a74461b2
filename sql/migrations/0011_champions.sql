-- purpose: which model a catalog is served by, and why: champions and challengers

-- One row a decision about a model, none is ever changed: the last promoted model of a catalog is its champion.
-- difference, low, high: NDCG@10 of the model less the champion's on n_users users; null where they were not compared.
create table promotions (
    catalog text not null,
    model_id text not null,
    champion_id text,
    is_promoted boolean not null,
    is_by_hand boolean not null,
    reason text not null,
    difference double,
    low double,
    high double,
    n_users bigint,
    run_id text not null,
    decided_at timestamp not null
);

-- Until now the model that was trained last was served.
insert into promotions by name
select
    catalog, model_id, null as champion_id, true as is_promoted, false as is_by_hand,
    'the latest model when champions came in' as reason, null as difference, null as low, null as high, null as n_users,
    run_id, trained_at as decided_at
from models
qualify row_number() over (partition by catalog order by trained_at desc, model_id) = 1;
