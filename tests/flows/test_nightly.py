"""The order of the stages, and which catalogs a run takes."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from flows.nightly import STAGE_FLOWS
from flows.request import RunRequest, StageName
from flows.settings import Settings
from flows.stage import load_catalogs
from tasks.contracts.errors import ConfigError
from tests.night import Nights, SmallCatalog


def test_every_stage_has_a_flow_in_the_same_order() -> None:
    assert list(STAGE_FLOWS) == list(get_args(StageName))


def test_stages_from_one_to_another_are_those_between() -> None:
    assert RunRequest().stages() == list(get_args(StageName))
    assert RunRequest(from_stage="candidates", to_stage="score").stages() == ["candidates", "train", "score"]
    assert RunRequest(from_stage="judge", to_stage="judge").stages() == ["judge"]


def test_last_stage_before_the_first_is_refused() -> None:
    with pytest.raises(
        ValidationError, match="stage 'ingest' comes before 'publish'; the order is ingest, enrich, embed"
    ):
        RunRequest(from_stage="publish", to_stage="ingest")


def test_catalogs_are_those_given_else_of_the_settings_else_of_the_last_run(nights: Nights, tmp_path: Path) -> None:
    nights.run("ingest")
    given = SmallCatalog(tmp_path / "given", "given").save()
    other = SmallCatalog(tmp_path / "other", "other").save()
    settings = Settings(warehouse=nights.folder)

    def names(request: RunRequest, chosen: Settings) -> list[str]:
        return [catalog.name for _, catalog in load_catalogs(request, chosen)]

    assert names(RunRequest(), settings) == ["news"]
    assert names(RunRequest(), settings.model_copy(update={"catalogs": (other,)})) == ["other"]
    assert names(RunRequest(catalogs=(given,)), settings.model_copy(update={"catalogs": (other,)})) == ["given"]


def test_without_any_catalog_the_mend_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no catalog is given and the warehouse knows none; say --catalog FILE"):
        load_catalogs(RunRequest(), Settings(warehouse=tmp_path))


def test_two_catalogs_of_one_name_are_refused(tmp_path: Path) -> None:
    files = tuple(SmallCatalog(tmp_path / folder, "news").save() for folder in ("one", "two"))
    with pytest.raises(ConfigError, match="two catalog files are named 'news'; give each catalog a name of its own"):
        load_catalogs(RunRequest(catalogs=files), Settings(warehouse=tmp_path))
