-- One user's recommendations with the items' topics, in plain SQL for DuckDB's command line:
--
--   duckdb -cmd "set variable published = '/srv/nightjar/published'; set variable user = 'u01'" -f recommendations.sql
--
-- Without the first, `published` is the folder of that name here; without the second, the first user is shown.

set variable published = coalesce(getvariable('published'), 'published');
set variable latest = (select publication from read_json(getvariable('published') || '/latest.json'));

-- From here on only this run is read, even if another is published meanwhile.
create or replace temp macro files(name) as
    getvariable('published') || '/' || name || '/v1/run=' || getvariable('latest') || '/*.parquet';
set variable user = coalesce(getvariable('user'), (select min(user_id) from read_parquet(files('recommendations'))));

select lists.catalog, lists.rank, lists.title, topics.primary_topic, topics.confidence, lists.reason
from read_parquet(files('recommendations'), hive_partitioning = false) as lists
left join read_parquet(files('item_topics'), hive_partitioning = false) as topics using (catalog, item_id)
where lists.user_id = getvariable('user')
order by lists.catalog, lists.rank;
