"""The deployments that `nightjar serve` offers; no server is asked."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
import yaml
from prefect.utilities.importtools import import_object
from prefect.utilities.schema_tools.validation import ValidationError, validate

from flows.request import RunRequest, StageName
from flows.serve import Schedules, build_deployments, check_request
from flows.settings import Settings
from tasks.contracts.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
NEWS = ROOT / "examples/sample/news.toml"
DEPLOYMENTS = {one.name: one for one in build_deployments(RunRequest(catalogs=(NEWS,)), Schedules())}
SCHEMAS = {name: one._parameter_openapi_schema.model_dump() for name, one in DEPLOYMENTS.items()}


def test_nightly_and_weekly_are_scheduled_with_a_time_zone_and_run_once_at_a_time() -> None:
    built = build_deployments(RunRequest(), Schedules("30 2 * * *", "0 9 * * 6", "Europe/Berlin"))
    scheduled = {one.name: one for one in built if one.schedules}
    crons = {
        name: (one.schedules[0].schedule.cron, one.schedules[0].schedule.timezone) for name, one in scheduled.items()
    }
    assert crons == {"nightly": ("30 2 * * *", "Europe/Berlin"), "weekly": ("0 9 * * 6", "Europe/Berlin")}
    assert {one.concurrency_limit for one in scheduled.values()} == {1}


def test_empty_cron_leaves_the_schedule_out() -> None:
    assert not any(one.schedules for one in build_deployments(RunRequest(), Schedules("", "")))


def test_each_stage_and_each_other_flow_is_a_deployment() -> None:
    assert list(DEPLOYMENTS) == ["nightly", *get_args(StageName), "weekly", "review-import", "digest", "report"]


def test_entry_points_are_importable_flows() -> None:
    for name, deployment in DEPLOYMENTS.items():
        assert import_object(deployment.entrypoint).name == name


def test_forms_are_prefilled_with_what_serve_was_given() -> None:
    assert DEPLOYMENTS["nightly"].parameters == {"request": {"catalogs": [str(NEWS)]}}
    assert DEPLOYMENTS["judge"].parameters == {"request": {"catalogs": [str(NEWS)]}}
    assert DEPLOYMENTS["digest"].parameters == {"request": {}}


def fields_of(name: str) -> dict[str, dict[str, object]]:
    """The fields of a deployment's form, in their order."""
    definitions = SCHEMAS[name]["definitions"]
    reference = SCHEMAS[name]["properties"]["request"]["$ref"].rsplit("/", 1)[-1]
    properties = definitions[reference]["properties"]
    return dict(sorted(properties.items(), key=lambda item: item[1].get("position", 99)))


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (
            "nightly",
            ["catalogs", "as_of", "from_stage", "to_stage", "limit", "strict", "refit_topics", "fresh", "parameters"],
        ),
        ("ingest", ["catalogs", "as_of", "limit", "parameters"]),
        ("embed", ["catalogs", "as_of", "parameters"]),
        ("topics", ["catalogs", "as_of", "strict", "refit_topics", "parameters"]),
        ("judge", ["catalogs", "as_of", "strict", "parameters"]),
        ("weekly", ["catalogs", "as_of", "n_shuffles", "parameters"]),
        ("review-import", ["file", "catalogs", "reviewers"]),
        ("report", ["run"]),
    ],
)
def test_form_shows_what_its_flow_uses(name: str, fields: list[str]) -> None:
    assert list(fields_of(name)) == fields


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_field_has_a_title_and_a_description(name: str) -> None:
    for field, schema in fields_of(name).items():
        assert schema.get("description"), f"{name}.{field}"
        assert "_" not in str(schema["title"]), f"{name}.{field}"


def test_day_is_a_date_picker_and_stages_are_choices() -> None:
    fields = fields_of("nightly")
    assert (fields["as_of"]["type"], fields["as_of"]["format"]) == ("string", "date")
    assert fields["from_stage"]["enum"] == list(get_args(StageName))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"from_stage": "judge", "to_stage": "ingest"}, "field 'request.to_stage'.*'ingest' is not one of \\['judge'"),
        ({"from_stage": "rank"}, "field 'request.from_stage'.*'rank' is not one of"),
        ({"as_of": "2026-13-01"}, "field 'request.as_of'.*'2026-13-01' does not match"),
        ({"limit": 0}, "field 'request.limit'.*0 is less than the minimum of 1"),
        ({"catalogs": "news.toml"}, "field 'request.catalogs'.*'news.toml' is not valid"),
        ({"run_id": "mine"}, "'run_id' was unexpected"),
        ({"strickt": True}, "'strickt' was unexpected"),
    ],
)
def test_bad_value_is_refused_by_the_server_before_a_run_exists(request_: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        validate({"request": request_}, SCHEMAS["nightly"], raise_on_error=True, allow_none_with_default=True)


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"as_of": "2026-11-01", "limit": None, "from_stage": "candidates"},
        {"from_stage": "publish", "to_stage": "publish"},
        {"to_stage": "ingest"},
    ],
)
def test_good_values_pass_the_server(request_: dict[str, object]) -> None:
    validate({"request": request_}, SCHEMAS["nightly"], raise_on_error=True, allow_none_with_default=True)
    assert RunRequest.model_validate(request_)


def test_the_schema_and_the_model_agree_on_the_order_of_stages() -> None:
    names = get_args(StageName)
    for first in (names[0], names[5], names[-1]):
        for last in names:
            given = {"from_stage": first, "to_stage": last}
            errors = validate({"request": given}, SCHEMAS["nightly"])
            assert bool(errors) == (names.index(last) < names.index(first)), given


@pytest.mark.parametrize(
    ("schedules", "message"),
    [(Schedules(timezone="Europe/Berln"), "Invalid timezone"), (Schedules("every night"), "Invalid cron")],
)
def test_schedule_that_is_none_is_refused(schedules: Schedules, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_deployments(RunRequest(), schedules)


def test_catalog_that_can_not_be_read_is_refused_before_it_is_served(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'none.toml' does not exist"):
        check_request(RunRequest(catalogs=(Path("none.toml"),)), Settings(warehouse=tmp_path))


def test_prefect_yaml_has_the_same_deployments() -> None:
    stated = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    assert {one["name"]: one["entrypoint"] for one in stated} == {
        name: one.entrypoint for name, one in DEPLOYMENTS.items()
    }
    scheduled = {one["name"]: one["schedules"] for one in stated if "schedules" in one}
    assert scheduled == {
        "nightly": [{"cron": Schedules().nightly, "timezone": "UTC"}],
        "weekly": [{"cron": Schedules().weekly, "timezone": "UTC"}],
    }


def test_the_readme_lists_every_deployment() -> None:
    text = (ROOT / "deployments/README.md").read_text(encoding="utf-8")
    assert [name for name in DEPLOYMENTS if f"| `{name}/{name}` |" not in text] == []
