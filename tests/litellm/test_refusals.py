"""What the LiteLLM proxy refuses, by the command line: one clear line where no retry would help, else nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

from flows.settings import load_settings
from tests.conftest import PREFECT_HOME
from tests.flows.conftest import Nightjar, Outcome
from tests.litellm.conftest import KEY_VARIABLE, Asking
from tests.litellm.proxy import ERRORS, LiteLLM
from tests.night import Nights, SmallCatalog
from warehouse.connection import DATABASE

pytestmark = pytest.mark.usefixtures("prefect_server")

N_ITEMS = 6
REVOKED_KEY = "sk-revoked-81c4f0a2d7"


@pytest.fixture
def catalog(tmp_path: Path) -> SmallCatalog:
    """Fewer items than it takes to call an outage."""
    return SmallCatalog(tmp_path / "catalog", n_items=N_ITEMS, n_users=4)


def enrich(nightjar: Nightjar, asking: Asking, model: str) -> Outcome:
    """A night up to enrich, which asks `model`."""
    asking.labelers(enrich=model)
    return nightjar("run", "--catalog", asking.catalog.save(), "--as-of", "2026-11-01", "--to", "enrich")


def assert_nowhere(secret: str, *, outcome: Outcome, nights: Nights) -> None:
    """The secret was not printed, and stands in no file and no table of the warehouse and in nothing of Prefect's."""
    assert secret not in outcome.out + outcome.err
    database = Path(str(PREFECT_API_DATABASE_CONNECTION_URL.value()).partition("///")[2])
    folders = (nights.folder, Path(PREFECT_HOME), database.parent)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {nights.folder / DATABASE, database} <= set(files)
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
    # DuckDB may keep a text compressed.
    tables = nights.column("select table_name from information_schema.tables where table_type = 'BASE TABLE'")
    assert "stage_runs" in tables
    assert [table for table in tables if secret in str(nights.rows(f"from {table}"))] == []


def test_refused_key_ends_the_run_and_is_written_nowhere(
    nightjar: Nightjar, nights: Nights, asking: Asking, litellm: LiteLLM
) -> None:
    asking.endpoints("mock-enrich", key=REVOKED_KEY)
    asked_before = litellm.n_requests
    ended = enrich(nightjar, asking, "mock-enrich")
    assert ended.code == 1
    last = ended.err.splitlines()[-1]
    assert last.startswith("nightjar: endpoint 'mock-enrich' (http://127.0.0.1:")
    assert f"refused the key (401; it was read from environment variable {KEY_VARIABLE})" in last
    assert_nowhere(REVOKED_KEY, outcome=ended, nights=nights)
    assert nights.rows("from dead_letters") == []
    assert litellm.n_requests - asked_before == 1


def test_doctor_tells_a_refused_key(nightjar: Nightjar, asking: Asking) -> None:
    asking.endpoints("mock-enrich", key=REVOKED_KEY)
    shown = nightjar("doctor")
    assert shown.code == 1
    assert f"refused the key (401; it was read from environment variable {KEY_VARIABLE})" in shown.out
    assert shown.err == "nightjar: 1 of 7 checks failed: endpoint mock-enrich\n"
    assert REVOKED_KEY not in shown.out + shown.err


def test_key_that_a_proxy_without_a_database_can_not_look_up_ends_the_run(
    nightjar: Nightjar, nights: Nights, asking: Asking, litellm: LiteLLM
) -> None:
    """LiteLLM with a master key alone answers any other key with 400 "No connected db."."""
    key = "sk-mistyped-81c4f0a2d7"
    asking.endpoints("mock-enrich", key=key)
    asked_before = litellm.n_requests
    ended = enrich(nightjar, asking, "mock-enrich")
    assert_nowhere(key, outcome=ended, nights=nights)
    assert ended.code == 1
    assert f"refused the key (400; it was read from environment variable {KEY_VARIABLE})" in ended.err.splitlines()[-1]
    assert nights.rows("from dead_letters") == []
    assert litellm.n_requests - asked_before == 1


def test_unknown_model_ends_the_run(nightjar: Nightjar, nights: Nights, asking: Asking, litellm: LiteLLM) -> None:
    """LiteLLM answers 400 "Invalid model name passed in model=…", where OpenAI answers 404."""
    asking.endpoints("mock-nonesuch")
    asked_before = litellm.n_requests
    ended = enrich(nightjar, asking, "mock-nonesuch")
    assert ended.code == 1
    last = ended.err.splitlines()[-1]
    assert last.startswith("nightjar: endpoint 'mock-nonesuch' (http://127.0.0.1:")
    assert "knows no model 'mock-nonesuch'" in last
    assert nights.rows("from dead_letters") == []
    assert litellm.n_requests - asked_before == 1


def test_limited_key_loses_no_question(nightjar: Nightjar, nights: Nights, asking: Asking) -> None:
    """Ten requests in two seconds; LiteLLM says 429 with `retry-after` to the others."""
    asking.catalog = SmallCatalog(asking.folder / "catalog")
    asking.endpoints("mock-enrich", key="sk-limited-5a0e")
    ended = enrich(nightjar, asking, "mock-enrich")
    assert ended.code == 0, ended.err
    assert nights.value("select count(*) from current_enrichments") == 30
    assert nights.rows("from dead_letters") == []
    # More requests than questions: some were sent back, and sent again.
    assert nights.value("select requests from stage_runs where stage = 'enrich'") > 30


@pytest.mark.parametrize(
    ("model", "reason", "asks"),
    [
        ("mock-busy", "rate_limited: ", 1),
        ("mock-broken", "server_error: ", 1),
        ("mock-slow", "server_error: ", 1),
        ("mock-filter", "content_filter: ", 1),
        ("mock-chatty", "invalid_reply: ", 2),
        ("mock-small", "too_long: ", 1),
    ],
)
def test_question_that_no_retry_saves_is_a_dead_letter(
    nights: Nights, asking: Asking, model: str, reason: str, asks: int
) -> None:
    asking.endpoints(model, max_attempts=2, patience_s=1.0)
    asking.labelers(enrich=model)
    report = nights.run("ingest", "enrich", endpoints=load_settings().read_endpoints())["enrich"]
    assert (report.rows_in, report.rows_out) == (N_ITEMS, 0)
    letters = nights.rows("select reason, attempts, raw_reply from dead_letters")
    assert len(letters) == N_ITEMS
    for found, attempts, raw in letters:
        assert found.startswith(reason)
        assert attempts == asks
        assert raw == (ERRORS[model]["mock_response"] if model == "mock-chatty" else "")


def test_outage_ends_the_run_before_every_question_was_tried(
    nightjar: Nightjar, nights: Nights, asking: Asking
) -> None:
    asking.catalog = SmallCatalog(asking.folder / "catalog")
    asking.endpoints("mock-broken", max_attempts=1, max_in_flight=4)
    ended = enrich(nightjar, asking, "mock-broken")
    assert ended.code == 1
    assert "no answer to 10 prompts in a row, each tried 1 times; see to the endpoint" in ended.err.splitlines()[-1]
    assert nights.value("select count(*) from dead_letters") < 30
