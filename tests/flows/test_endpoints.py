"""Named endpoints: where each value comes from, which one is meant, and what happens to a name that nobody knows."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from flows.settings import load_settings
from tasks.contracts.context import EndpointSettings
from tasks.contracts.errors import ConfigError
from tests.flows.conftest import Nightjar
from tests.llm.fake_server import FakeServer, completion, error
from tests.night import Nights, SmallCatalog


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to start from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return tmp_path


def endpoints(folder: Path, text: str) -> dict[str, EndpointSettings]:
    (folder / "nightjar.toml").write_text(text, encoding="utf-8")
    return load_settings().read_endpoints()


def test_environment_alone_makes_the_default_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("NIGHTJAR_MODEL", "small")
    monkeypatch.setenv("NIGHTJAR_REQUESTS_PER_MINUTE", "30")
    found = load_settings().read_endpoints()
    assert set(found) == {"default", "fake"}
    default = found["default"]
    assert (default.model, default.base_url, default.requests_per_minute) == ("small", "http://127.0.0.1:9/v1", 30)
    assert default.is_usable
    assert "sk-secret" not in repr(found)


def test_table_takes_nothing_from_the_flat_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    flat = 'model = "flat"\nprice_in = 9.0\nmax_in_flight = 3\napi_key_env = "FLAT_KEY"\n'
    found = endpoints(folder, flat + '[endpoints.large]\nprice_out = 10.0\nextra = { reasoning_effort = "low" }\n')
    large = found["large"]
    assert (large.model, large.base_url, large.api_key_env) == ("gpt-4o-mini", None, "OPENAI_API_KEY")
    assert (large.price_in, large.price_out, large.max_in_flight) == (0.0, 10.0, 64)
    assert large.extra == {"reasoning_effort": "low"}
    assert found["default"].model == "flat"


def test_each_endpoint_has_a_key_of_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE_KEY", "sk-one")
    text = '[endpoints.one]\napi_key_env = "ONE_KEY"\n[endpoints.two]\napi_key_env = "TWO_KEY"\n[endpoints.three]\napi_key_env = ""\n'
    found = endpoints(folder, text)
    assert {name: found[name].is_usable for name in ("default", "fake", "one", "two", "three")} == {
        "default": False, "fake": True, "one": True, "two": False, "three": True,
    }  # fmt: skip


def test_endpoints_can_be_given_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIGHTJAR_ENDPOINTS", '{"one": {"model": "m"}}')
    monkeypatch.setenv("NIGHTJAR_ENDPOINT", "one")
    assert load_settings().read_endpoints()["one"].model == "m"


def test_fake_endpoint_keeps_what_its_table_does_not_say(folder: Path) -> None:
    fake = endpoints(folder, "[endpoints.fake]\nseed = 3\nprice_in = 1.0\nfaults = { refusal_share = 0.5 }\n")["fake"]
    assert (fake.model, fake.provider, fake.api_key_env, fake.is_usable) == ("fake", "fake", "", True)
    assert (fake.seed, fake.price_in, fake.faults) == (3, 1.0, {"refusal_share": 0.5})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[endpoints.one]\ntemperatur = 1", "unknown key 'endpoints.one.temperatur'; did you mean 'temperature'\\?"),
        ("[endpoints.one]\nprice_in = -1", "endpoints.one.price_in: Input should be greater than or equal to 0"),
        ('[endpoints.one]\nmode = "offline"', "endpoints.one.mode: Input should be 'online' or 'batch'"),
        ("[endpoints.ONE]\nseed = 1", "endpoints.ONE"),
        ('endpoint = "chep"\n[endpoints.cheap]\nseed = 1', "endpoint = 'chep' is no endpoint; did you mean 'cheap'\\?"),
        ('endpoint = "nonesuch"', "endpoint = 'nonesuch' is no endpoint; known are default, fake"),
        ("[endpoints.default]\nseed = 1", "the endpoint 'default' is the one of the flat settings"),
        (
            "[endpoints.one]\nfaults = { latency_seconds = 1 }",
            "endpoints.one.faults: only the endpoint 'fake' has faults",
        ),
    ],
)
def test_what_can_not_be_names_its_place(folder: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        endpoints(folder, text)


@pytest.mark.parametrize(
    ("labelers", "message"),
    [
        ('topics = "opnai"', "labelers.topics: .*unknown labeler 'opnai'; did you mean 'openai'\\?"),
        ('topics = "openai:Big One"', "labelers.topics: .*unknown labeler 'openai:Big One'"),
        (
            'topics = "openai:chep"',
            "catalog 'news' asks for labelers.topics = 'openai:chep', but the settings know no endpoint 'chep', only"
            " cheap, default, fake; did you mean 'openai:cheap'\\?",
        ),
    ],
)
def test_labeler_that_nobody_knows_is_refused_before_anything_is_done(
    nightjar: Nightjar, catalog: SmallCatalog, folder: Path, labelers: str, message: str
) -> None:
    (folder / "nightjar.toml").write_text("[endpoints.cheap]\nseed = 1\n", encoding="utf-8")
    catalog.more = f"[labelers]\n{labelers}"
    refused = nightjar("plan", "--catalog", catalog.save())
    assert refused.code == 2
    assert re.search(message, refused.err)


def test_catalog_takes_the_endpoint_that_it_names(nights: Nights, catalog: SmallCatalog, folder: Path) -> None:
    found = endpoints(folder, '[endpoints.other]\napi_key_env = ""\nbase_url = "http://127.0.0.1:9/v1"\n')
    nights.changes = {"endpoints": found, "endpoint": "fake"}
    catalog.more = '[labelers]\ntopics = "embedded"\njudge = "openai:fake"'
    nights.run("ingest", "enrich", "embed", "topics", "judge")
    assert nights.rows("select task, labeler from active_fingerprints where task in ('enrich', 'topics', 'judge') order by 1") == [
        ("enrich", "openai:fake"), ("judge", "openai:fake"), ("topics", "embedded:hashing"),
    ]  # fmt: skip


def test_without_a_key_auto_is_embedded_and_openai_is_refused(
    nights: Nights, catalog: SmallCatalog, folder: Path
) -> None:
    nights.changes = {"endpoints": endpoints(folder, '[endpoints.one]\napi_key_env = "ONE_KEY"\n'), "endpoint": "one"}
    nights.run("ingest", "enrich")
    assert nights.column("select distinct labeler from enrichments") == ["embedded:hashing"]
    catalog.more = '[labelers]\nenrich = "openai"'
    with pytest.raises(ConfigError, match="labelers.enrich = 'openai', but ONE_KEY is not set; set it, or choose"):
        nights.run("enrich")


def test_doctor_asks_every_endpoint_that_has_a_key(
    nightjar: Nightjar, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONE_KEY", "sk-one")
    with FakeServer(lambda request: completion({"answers": [{"number": 1, "colour": "blue"}]})) as server:
        (folder / "nightjar.toml").write_text(
            f'[endpoints.one]\napi_key_env = "ONE_KEY"\nmodel = "m"\nbase_url = "{server.url}"\n'
            '[endpoints.two]\napi_key_env = "TWO_KEY"\n',
            encoding="utf-8",
        )
        shown = nightjar("doctor")
    assert shown.code == 0, shown.err
    assert "ok   endpoint   no key in OPENAI_API_KEY: the embedded labeler answers" in shown.out
    assert "ok   endpoint one" in shown.out
    assert "states usage (100 tokens in, 10 out), states no rate limit" in shown.out
    assert "ok   endpoint two no key in TWO_KEY: it can't be asked" in shown.out
    assert "sk-one" not in shown.out + shown.err


def test_doctor_fails_for_an_endpoint_that_was_chosen_and_has_no_key(
    nightjar: Nightjar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_ENDPOINT", "default")
    shown = nightjar("doctor")
    assert shown.code == 1
    assert "FAIL endpoint   no key in OPENAI_API_KEY" in shown.out
    assert "set OPENAI_API_KEY, or choose another `endpoint`" in shown.out


def test_doctor_probes_the_fake_endpoint_and_names_a_fault_that_does_not_exist(
    nightjar: Nightjar, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTJAR_ENDPOINT", "fake")
    shown = nightjar("doctor")
    assert shown.code == 0
    assert "ok   endpoint fake model fake at http://127.0.0.1:" in shown.out
    assert "has a Batch API" in shown.out
    (folder / "nightjar.toml").write_text("[endpoints.fake]\nfaults = { refusal_shar = 0.1 }\n", encoding="utf-8")
    shown = nightjar("doctor")
    assert shown.code == 1
    assert "endpoints.fake.faults: unknown fault 'refusal_shar'; did you mean 'refusal_share'?" in shown.out


def test_doctor_fails_for_a_server_without_batches_that_should_be_asked_in_batches(
    nightjar: Nightjar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.setenv("NIGHTJAR_MODE", "batch")

    def answer(request: object) -> object:
        body = getattr(request, "body", None)
        return completion({"answers": [{"number": 1, "colour": "blue"}]}) if body else error(404, "no such route")

    with FakeServer(answer) as server:  # type: ignore[arg-type]
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        shown = nightjar("doctor")
    assert shown.code == 1
    assert "has no Batch API" in shown.out
    assert 'set its mode to "online"' in shown.out
