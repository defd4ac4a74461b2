"""What the sources are fitted to: read where a source asks for it, and without what a fold holds out."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from tasks.loading.arrays import load_catalog_arrays
from tasks.loading.history import make_history
from tasks.loading.inputs import load_source_inputs
from tasks.loading.truth import users_with_truth
from tasks.retrieval.source import SourceInputs
from tests.night import Nights, SmallCatalog
from tests.warehouse.filled_warehouse import insert
from warehouse.connection import open_warehouse


def load(nights: Nights, *, fold: int | None = None) -> tuple[SourceInputs, list[str]]:
    """The inputs, and the names of the sources that could be fitted to them."""
    with open_warehouse(nights.folder) as warehouse:
        context = nights.context()
        make_history(warehouse, context)
        arrays = load_catalog_arrays(warehouse, context, fold=fold)
        return load_source_inputs(warehouse, context, arrays.index, context.catalog.candidates, fold=fold), [
            one.name for one in arrays.sources
        ]


@pytest.fixture
def catalog(catalog: SmallCatalog) -> SmallCatalog:
    """Two segments, and the sources that read more than vectors."""
    for number in range(20):
        catalog.users[f"u{number:02d}"]["segment"] = "even" if number % 2 == 0 else "odd"
    catalog.more = "[candidates.sources]\naspects = 1.0\nrelations = 1.0\npopularity = 1.0"
    return catalog


def test_aspects_come_with_their_items_and_texts(nights: Nights) -> None:
    nights.run("ingest")
    content = dict(nights.rows("select item_id, content_hash from items"))
    said = {"i03": '{"theme": "exile", "place": "a port"}', "i07": '{"theme": "exile"}'}
    with open_warehouse(nights.folder) as warehouse:
        insert(warehouse, "active_fingerprints", {"catalog": "news", "task": "enrich", "fingerprint": "f"})
        for item, aspects in said.items():
            insert(warehouse, "enrichments", {"content_hash": content[item], "fingerprint": "f", "aspects": aspects})
    nights.run("embed", "relations")
    inputs, sources = load(nights)
    found = inputs.aspects
    assert found is not None
    assert found.names == ["place", "theme"]
    told = [
        (int(item), found.names[aspect], text)
        for item, aspect, text in zip(found.items, found.aspects, found.texts, strict=True)
    ]
    assert told == [(3, "place", "a port"), (3, "theme", "exile"), (7, "theme", "exile")]
    assert (found.vectors[1] == found.vectors[2]).all()
    assert sources == ["aspects", "popularity"]


def test_source_without_input_is_left_out_and_told(nights: Nights) -> None:
    report = nights.run("ingest", "embed", "relations", "candidates")["candidates"]
    inputs, sources = load(nights)
    assert (inputs.aspects, sources) == (None, ["popularity"])
    assert "sources that had nothing to go by: aspects, relations" in report.notes


def test_fold_does_not_know_what_it_holds_out(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.more += "\nitem_to_item = 1.0"
    nights.run("ingest", "embed")
    every, fold = load(nights)[0], load(nights, fold=0)[0]
    assert every.interactions is not None
    assert fold.interactions is not None
    hidden = every.interactions.join(fold.interactions, on=["user_id", "item_id"], how="anti")
    assert hidden["user_id"].sort().to_list() == [f"u{number:02d}" for number in range(20)]
    assert total(every) - total(fold) == pytest.approx(total_of(hidden), rel=1e-6)


def total(inputs: SourceInputs) -> float:
    assert inputs.segment_popularity is not None
    assert set(inputs.segment_popularity["segment"]) == {"even", "odd"}
    return float(inputs.segment_popularity["popularity"].sum())


def total_of(choices: pl.DataFrame) -> float:
    """Halved every ten years, as popularity is by default."""
    return float((choices["weight"] * 0.5 ** (choices["age_days"] / 3650.0)).sum())


def test_now_is_the_end_of_the_day(nights: Nights) -> None:
    nights.run("ingest", "embed")
    # 2026-11-02T00:00 is so many days after 1970.
    assert load(nights)[0].as_of_day == 20_759.0


def test_users_are_sampled_only_for_an_approximate_index(nights: Nights, catalog: SmallCatalog) -> None:
    nights.run("ingest", "embed")
    assert load(nights)[0].sample_queries is None
    catalog.more = "[candidates]\nexact_up_to = 29"
    nights.run("ingest")
    queries = load(nights)[0].sample_queries
    assert queries is not None
    assert queries.shape == (20, 384)


def test_of_many_users_with_truth_the_same_few_are_taken(nights: Nights) -> None:
    nights.run("ingest", "embed")
    with open_warehouse(nights.folder) as warehouse:
        context = nights.context()
        make_history(warehouse, context)
        everyone = users_with_truth(warehouse, context, fold=0)
        ranking = context.catalog.ranking.model_copy(update={"max_users": 5})
        few = replace(context, catalog=context.catalog.model_copy(update={"ranking": ranking}))
        assert len(everyone) > 5
        chosen = users_with_truth(warehouse, few, fold=0)
        assert len(chosen) == 5
        assert chosen == sorted(set(chosen) & set(everyone)) == users_with_truth(warehouse, few, fold=0)


def test_history_without_folds_knows_the_same_pairs_and_holds_none_out(nights: Nights, catalog: SmallCatalog) -> None:
    catalog.relevance = 'truth = ["interactions"]\ngrades = { like = 3, view = 1 }'
    catalog.save()
    nights.run("ingest")
    pairs = "select user_id, item_id, weight, grade, is_seen, age_days, fold from pair_history order by all"
    with open_warehouse(nights.folder) as warehouse:
        make_history(warehouse, nights.context())
        whole = warehouse.connection.sql(pairs).pl()
        make_history(warehouse, nights.context(), has_folds=False)
        served = warehouse.connection.sql(pairs).pl()
    assert whole["fold"].null_count() < whole.height
    assert served["fold"].null_count() == served.height > 0
    assert served.drop("fold").sort(pl.all()).equals(whole.drop("fold").sort(pl.all()))
