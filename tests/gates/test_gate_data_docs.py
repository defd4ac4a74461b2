"""Data Docs: every suite is listed, every link leads somewhere, and no text of a catalog can run."""

from __future__ import annotations

import re
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.gates import ExpectationResult, SuiteRun, build_data_docs
from tasks.gates import data_docs as module

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' ${title} $$ {{ 7 * 7 }} \u202egnp.exe &amp;"


def result(
    suite: str = "ingest", *, name: str = "dangling_interactions", is_success: bool = False
) -> ExpectationResult:
    import json

    return ExpectationResult(
        suite=suite, expectation=name, column_name="", severity="critical", is_success=is_success,
        observed="2 bad rows", expected=f"no {HOSTILE}", n_unexpected=2,
        sample=json.dumps([] if is_success else [{"item_id": "i1", "title": HOSTILE}]),
    )  # fmt: skip


def run(run_id: str = "r1", *, results: list[ExpectationResult] | None = None, catalog: str = "news") -> SuiteRun:
    shown = [result("ingest"), result("labels", name="foreign_topics", is_success=True)] if results is None else results
    return SuiteRun(run_id=run_id, catalog=catalog, run_at=datetime(2026, 11, 1, 3), results=shown)


class Page(HTMLParser):
    """The tags, links and text that a browser would make of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def links(self) -> list[str]:
        return [value for name, value in self.attributes if name == "href" and value]


def read_pages(folder: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}


def test_index_lists_suites_runs_and_catalogs(tmp_path: Path) -> None:
    index = build_data_docs([run("r1"), run("r2", catalog="books")], tmp_path / "docs")
    assert index == tmp_path / "docs" / "index.html"
    page = Page(index.read_text(encoding="utf-8"))
    for word in ("ingest", "labels", "r1", "r2", "news", "books", "2026-11-01 03:00:00"):
        assert word in page.text


@pytest.mark.parametrize("run_id", ["20261101T030000-9999", "20261101T030000-1234", "2026-11-01"])
def test_run_id_that_reads_as_a_time_is_only_a_name(tmp_path: Path, run_id: str) -> None:
    index = build_data_docs([run(run_id)], tmp_path / "docs")
    assert run_id in index.read_text(encoding="utf-8")


def test_every_link_leads_to_a_page(tmp_path: Path) -> None:
    build_data_docs([run()], tmp_path / "docs")
    pages = read_pages(tmp_path / "docs")
    assert len(pages) == 5
    for path, page in pages.items():
        for link in page.links:
            assert link.startswith("#") or (path.parent / link).resolve() in pages, f"{path} links to {link}"


def test_failed_page_says_what_was_expected_and_shows_rows(tmp_path: Path) -> None:
    build_data_docs([run()], tmp_path / "docs")
    (path,) = (tmp_path / "docs" / "validations" / "ingest").rglob("*.html")
    text = Page(path.read_text(encoding="utf-8")).text
    assert "dangling_interactions (critical): expected no" in text
    assert "If it fails: report it" in text
    assert "2 bad rows" in text
    # A mark that turns the direction of writing is told by its code.
    assert HOSTILE.replace("\u202e", "\\u202e") in re.sub(r"\s+", " ", text)


def test_hostile_text_cannot_run(tmp_path: Path) -> None:
    build_data_docs([run()], tmp_path / "docs")
    for page in read_pages(tmp_path / "docs").values():
        assert not {"script", "img", "iframe", "object", "link"} & set(page.tags)
        assert not [name for name, _ in page.attributes if name.startswith("on")]
        assert not [link for link in page.links if ":" in link]
        policy = dict(page.attributes)["content"] and [
            value for _, value in page.attributes if value and "default-src" in value
        ]
        assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]


def test_interrupted_build_leaves_the_old_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = build_data_docs([run("r1")], tmp_path / "docs")

    def fail(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_render_index", fail)
        with pytest.raises(KeyboardInterrupt):
            build_data_docs([run("r2")], tmp_path / "docs")
    assert "r1" in index.read_text(encoding="utf-8")
    build_data_docs([run("r2")], tmp_path / "docs")
    assert "r1" not in index.read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]


def test_result_of_an_older_version_is_still_shown(tmp_path: Path) -> None:
    index = build_data_docs([run(results=[result(name="long_forgotten")])], tmp_path / "docs")
    (page,) = (index.parent / "validations").rglob("*.html")
    assert "long_forgotten" in page.read_text(encoding="utf-8")


def test_nothing_to_show_is_an_empty_site(tmp_path: Path) -> None:
    assert "Nightjar Data Docs" in build_data_docs([], tmp_path / "docs").read_text(encoding="utf-8")
