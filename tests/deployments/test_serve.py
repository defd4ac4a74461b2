"""The deployments that serve.py builds; no server is asked."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest
import yaml
from prefect.utilities.importtools import import_object

from flows.request import RunRequest, StageName

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def serve() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve", ROOT / "deployments/serve.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nightly_is_scheduled_with_a_time_zone_and_runs_once_at_a_time(serve: ModuleType) -> None:
    nightly, *_ = serve.build_deployments(RunRequest(), cron="30 2 * * *", timezone="Europe/Berlin")
    (schedule,) = (one.schedule for one in nightly.schedules)
    assert (nightly.name, schedule.cron, schedule.timezone) == ("nightly", "30 2 * * *", "Europe/Berlin")
    assert nightly.concurrency_limit == 1


def test_each_stage_is_a_deployment_without_a_schedule(serve: ModuleType) -> None:
    _, *stages = serve.build_deployments(RunRequest(), cron=serve.CRON, timezone="UTC")
    assert [one.name for one in stages] == list(get_args(StageName))
    assert not any(one.schedules for one in stages)


def test_entry_points_are_importable_flows(serve: ModuleType) -> None:
    for deployment in serve.build_deployments(RunRequest(), cron=serve.CRON, timezone="UTC"):
        assert import_object(deployment.entrypoint).name == deployment.name


def test_parameters_are_a_request_that_prefect_can_store(serve: ModuleType) -> None:
    given = serve.make_parser().parse_args(["--catalog", str(ROOT / "examples/sample/news.toml"), "--warehouse", "wh"])
    request = serve.make_request(given)
    nightly, *_ = serve.build_deployments(request, cron=serve.CRON, timezone="UTC")
    assert RunRequest.model_validate(nightly.parameters["request"]) == request
    assert request.warehouse == Path("wh").resolve()


def test_bad_time_zone_is_refused(serve: ModuleType) -> None:
    with pytest.raises(ValueError, match="Invalid timezone"):
        serve.build_deployments(RunRequest(), cron=serve.CRON, timezone="Europe/Berln")


def test_without_a_server_it_says_what_to_start(
    serve: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr("sys.argv", ["serve.py"])
    monkeypatch.setattr(serve.PREFECT_API_URL, "value", lambda: None, raising=False)
    with pytest.raises(SystemExit, match="2"):
        serve.main()
    assert "prefect server start" in capsys.readouterr().err


def test_prefect_yaml_has_the_same_deployments(serve: ModuleType) -> None:
    stated = yaml.safe_load((ROOT / "deployments/prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    built = serve.build_deployments(RunRequest(), cron=serve.CRON, timezone="UTC")
    assert {one["name"]: one["entrypoint"] for one in stated} == {one.name: one.entrypoint for one in built}
    assert stated[0]["schedules"] == [{"cron": serve.CRON, "timezone": "UTC"}]


def test_the_readme_lists_every_deployment(serve: ModuleType) -> None:
    text = (ROOT / "deployments/README.md").read_text(encoding="utf-8")
    for deployment in serve.build_deployments(RunRequest(), cron=serve.CRON, timezone="UTC"):
        assert f"| `{deployment.name}/{deployment.name}` |" in text
