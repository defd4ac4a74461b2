"""The report of a run: what its page says of small warehouses, by hand, whatever became of the run."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from flows.report import try_report
from tasks.contracts.errors import ConfigError
from tasks.report import read_facts, write_run_report
from tasks.run_report.facts import RunFacts
from tasks.runs import finish_run, start_run
from tests.night import DAY, GATE, Nights, SmallCatalog
from tests.tasks.conftest import Begin
from warehouse.connection import DATABASE
from warehouse.errors import WarehouseError


@pytest.fixture
def whole(finished: Nights) -> RunFacts:
    """The facts of a night that went through."""
    return read_facts(finished.folder)


def edit(nights: Nights, *statements: str) -> None:
    with duckdb.connect(str(nights.folder / DATABASE)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_whole_night_is_told_by_its_own_tables(finished: Nights, whole: RunFacts) -> None:
    assert (whole.run.run_id, whole.run.status, whole.run.catalogs) == ("r001", "completed", ("news",))
    assert whole.verdict.sentence.startswith("The run went through; its lists are published: 30 new items.")
    assert whole.stages[0].stage == "ingest"
    assert len(whole.stages) == finished.value("select count(*) from stage_runs")
    counts = {one.kind: one.n_stored for one in whole.ingested}
    assert counts == {"items": 30, "users": 20, "interactions": finished.value("select count(*) from interactions")}
    assert len(whole.gates) == finished.value("select count(*) from quality_results")
    topics = next(one for one in whole.labels if one.task == "topics")
    assert sum(share.n for share in topics.shares) == 30
    assert sum(share.share for share in topics.shares) == pytest.approx(1)
    assert [len(one.points) for one in whole.maps] == [30]
    assert whole.metrics[0].rankers[0].metrics["ndcg"].value == finished.value(
        "select max(value) from metrics where metric = 'ndcg' and k = 10 and slice = 'all'"
    )


def test_example_users_go_from_the_best_known_to_the_least(finished: Nights, whole: RunFacts) -> None:
    assert len(whole.users) == 5
    met = [user.n_history for user in whole.users]
    assert met == sorted(met, reverse=True)
    assert met[0] == finished.value("select count(*) from interactions group by user_id order by 1 desc limit 1")
    user = whole.users[0]
    assert user.profile.startswith(finished.value(f"select interests[1] from users where user_id = '{user.user_id}'"))
    assert 0 < len(user.history) <= 8
    ((catalog, rows),) = user.lists
    assert catalog == "news"
    assert [row.rank for row in rows] == list(range(1, 11))
    assert all(row.title and row.reason for row in rows)


def test_report_of_the_same_night_repeats(finished: Nights, whole: RunFacts) -> None:
    again = read_facts(finished.folder)
    assert (again.maps, again.users, again.verdict) == (whole.maps, whole.users, whole.verdict)


def test_page_lies_beside_the_warehouse_or_where_it_is_wanted(finished: Nights, tmp_path: Path) -> None:
    assert write_run_report(finished.folder) == finished.folder / "reports" / "r001.html"
    wanted = tmp_path / "deep" / "page.html"
    assert write_run_report(finished.folder, "r001", output=wanted) == wanted
    assert [path.name for path in wanted.parent.iterdir()] == ["page.html"]
    text = wanted.read_text(encoding="utf-8")
    assert 4_000_000 < len(text) < 6_000_000
    assert "The run went through" in text


def test_second_night_is_held_against_the_first(finished: Nights) -> None:
    finished.catalogs[0].items["i00"]["text"] += " The match was won."
    del finished.catalogs[0].items["i03"]
    finished.run(
        "ingest", GATE, "enrich", "embed", "topics", "similar", "judge", "quality", "candidates", "score", "evaluate"
    )
    facts = read_facts(finished.folder)
    assert [run.run_id for run in facts.past] == ["r001", "r002"]
    assert (facts.churn[0].n_new, facts.churn[0].n_changed, facts.churn[0].n_gone) == (0, 1, 1)
    topics = next(one for one in facts.labels if one.task == "topics")
    assert (topics.run_id, topics.before_run) == ("r002", "r001")
    assert all(share.before is not None for share in topics.shares)
    (drift,) = facts.lists
    assert (drift.before_run, drift.n_users) == ("r001", 7)
    assert 0 < drift.overlap <= 1
    assert [len(trend.measures) for trend in facts.metrics[0].trends] == [2] * len(facts.metrics[0].trends)
    assert facts.verdict.unpublished.startswith("it did not go as far as publish; the publication ")
    older = read_facts(finished.folder, "r001")
    assert (older.later_run, len(older.past)) == ("r002", 1)


def test_run_that_ended_badly_has_its_report(finished: Nights) -> None:
    start_run(finished.folder, "r002", as_of=DAY, catalogs=["news"], code_version="test")
    finish_run(finished.folder, "r002", status="gated", message="gate 'labels' stopped the run", peak_rss_mb=1.0)
    row = "'r002', 'news', 'labels', 'repeated_labels', 'topic', 'critical', false, '2 bad rows', 'none', 2"
    edit(
        finished,
        f"""insert into quality_results values ({row}, '[{{"item_id": "i01", "n": 0.123456, "x": null}}]', now())""",
    )
    facts = read_facts(finished.folder)
    assert facts.verdict.sentence == "A gate stopped the run; nothing was published. 1 thing is serious."
    (gate,) = facts.gates
    assert (gate.sample, gate.mend[:10]) == (("item_id: i01, n: 0.1235",), "report it:")
    assert facts.stages == ()
    assert facts.metrics[0].run_id == "r001"
    text = write_run_report(finished.folder).read_text(encoding="utf-8")
    assert "This run did not measure it" in text
    assert "No stage of this run has been recorded" in text


def test_publication_is_held_against_the_last(finished: Nights) -> None:
    row = f"'r001', 'news', 'p0', '{DAY}', '{DAY}', 1.0, 0.9, 200, 150, 0.75, now()"
    edit(finished, f"insert into publication_comparisons values ({row})")
    (one,) = read_facts(finished.folder).comparisons
    assert (one.against, one.overlap, one.covered_share_before, one.n_compared) == ("p0", 0.75, 0.9, 200)
    text = write_run_report(finished.folder).read_text(encoding="utf-8")
    assert "75.0\u202f%" in text
    assert "Against the last publication" in text


def test_run_that_is_at_work_can_be_asked_for_by_name_only(finished: Nights) -> None:
    start_run(finished.folder, "r002", as_of=DAY, catalogs=["news"], code_version="test")
    assert read_facts(finished.folder).run.run_id == "r001"
    facts = read_facts(finished.folder, "r002")
    assert math.isnan(facts.run.seconds)
    assert "still at work" in facts.verdict.sentence


def test_dead_letters_and_quarantine_are_counted(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    catalog.lines += ['{"id": "", "title": "x"}', "{broken", "{broken too"]
    begin("ingest")
    now = datetime(2026, 11, 1)
    letter = f"'news', 'judge', 'k', 'f', 'l', 'refused', '', 1, 'r001', '{now}'"
    edit(nights, f"insert into dead_letters values ({letter})")
    facts = read_facts(nights.folder)
    assert sum(one.n for one in facts.refused) == 3
    assert all("/" not in one.place and "line" in one.place for one in facts.refused)
    (dead,) = facts.dead
    assert (dead.n, dead.n_tonight) == (1, 1)
    assert [look.section for look in facts.verdict.looks] == ["rows", "rows"]


def test_one_stage_alone_and_a_catalog_of_three_items(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    catalog.items = dict(list(catalog.items.items())[:3])
    catalog.events = catalog.events[:1]
    catalog.users = dict(list(catalog.users.items())[:1])
    begin("ingest", "embed")
    facts = read_facts(nights.folder)
    assert [len(one.points) for one in facts.maps] == [3]
    assert (facts.users, facts.labels, facts.metrics, facts.lists) == ((), (), (), ())
    assert "Nothing" in write_run_report(nights.folder).read_text(encoding="utf-8")


def test_catalog_without_items_has_a_report(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    catalog.items, catalog.events = {}, []
    begin("ingest")
    facts = read_facts(nights.folder)
    assert facts.maps[0].note == "news has no active items."
    assert "news has no active items." in write_run_report(nights.folder).read_text(encoding="utf-8")


def test_one_user_without_a_profile_is_shown(nights: Nights, begin: Begin, catalog: SmallCatalog) -> None:
    catalog.users = {"u00": {"id": "u00", "interests": "", "summary": ""}}
    catalog.events = []
    begin("ingest", "embed", "candidates", "score")
    (user,) = read_facts(nights.folder).users
    assert (user.user_id, user.profile, user.n_history, user.history) == ("u00", "", 0, ())
    assert user.lists[0][1]


def test_lists_that_were_swept_away_are_left_out(finished: Nights) -> None:
    for folder in finished.folder.glob("runs/*/news/recommendations"):
        folder.rename(folder.with_name("elsewhere"))
    facts = read_facts(finished.folder)
    assert (facts.users, facts.lists) == ((), ())


def test_names_and_addresses_of_people_are_left_out(finished: Nights) -> None:
    edit(
        finished,
        "update users set name = 'Ann Lee', job = 'clerk', interests = ['ann@example.org'],"
        " summary = 'Ann Lee, called Ann, phones +44 20 7946 0958.'",
    )
    text = write_run_report(finished.folder).read_text(encoding="utf-8")
    profile = read_facts(finished.folder).users[0].profile
    assert profile.startswith("clerk; [email]")
    assert profile.endswith("[name], called [name], phones [phone].")
    assert not [word for word in ("Ann", "example.org", "7946 0958") if word in text.split('id="figures"')[0]]


def test_digest_is_no_night(finished: Nights) -> None:
    edit(
        finished,
        "insert into runs (run_id, as_of, status, catalogs, started_at, finished_at, code_version) select 'digest', as_of,"
        " 'completed', catalogs, finished_at, finished_at, code_version from runs order by started_at desc limit 1",
        "insert into stage_runs (run_id, catalog, stage, status, started_at) values"
        " ('digest', 'all', 'digest', 'completed', now()::timestamp)",
    )
    assert read_facts(finished.folder).run.run_id == finished.run_id
    assert read_facts(finished.folder, "digest").run.run_id == "digest"


def test_unknown_run_names_the_known(finished: Nights) -> None:
    with pytest.raises(ConfigError, match="unknown run 'r9'; the last runs are r001"):
        write_run_report(finished.folder, "r9")


def test_output_that_is_a_folder_is_refused(finished: Nights, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder; give the name of a file"):
        write_run_report(finished.folder, output=tmp_path)


def test_warehouse_of_an_older_version_says_what_to_do(finished: Nights) -> None:
    edit(
        finished, "drop table publication_comparisons", "delete from schema_migrations where name = '0012_publications'"
    )
    with pytest.raises(WarehouseError, match="lacks migration '0012_publications'; run `nightjar doctor`"):
        write_run_report(finished.folder)


def test_no_warehouse_and_no_run_say_so(tmp_path: Path) -> None:
    with pytest.raises(WarehouseError, match="there is no warehouse"):
        write_run_report(tmp_path / "none")
    start_run(tmp_path, "r1", as_of=DAY, catalogs=["news"], code_version="test")
    with pytest.raises(ConfigError, match="no run has ended; the last runs are r1"):
        write_run_report(tmp_path)


def test_end_of_a_night_is_never_failed_by_its_report(
    finished: Nights, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError("disk full")

    path = try_report(finished.folder, "r001")
    assert path is not None
    assert path.exists()
    monkeypatch.setattr("flows.report.write_run_report", fail)
    assert try_report(finished.folder, "r001") is None
    said = " ".join(capsys.readouterr().out.split())
    assert "warning: no report of run r001: RuntimeError: disk full; try it again with `nightjar report r001`" in said


def test_command_prints_the_path(finished: Nights, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from flows.cli.main import app

    made = CliRunner().invoke(
        app, ["--warehouse", str(finished.folder), "report", "--output", str(tmp_path / "p.html")]
    )
    assert made.exit_code == 0, made.output
    assert (tmp_path / "p.html").exists()
    said = made.output + capsys.readouterr().out
    assert str(tmp_path / "p.html") in said.replace("\n", "")
