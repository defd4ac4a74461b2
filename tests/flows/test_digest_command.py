"""`nightjar digest` as it is typed: settings, catalog files, exit codes, and an address that stays in the warehouse."""

from __future__ import annotations

import csv
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.digest import DigestRequest, digest_flow
from flows.served import body_of
from tasks.contracts.digesting import DigestSection, SmtpSection
from tasks.contracts.errors import ConfigError
from tests.flows.conftest import Nightjar
from tests.mail_server import HOST, Post, mail_server
from tests.night import DAY, Nights, SmallCatalog
from warehouse.connection import DATABASE

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery staple"
ADDRESS = "{}@readers.example"
TODAY = ("--as-of", str(DAY))
STAGES = ("ingest", "ingest gate", "enrich", "embed", "topics", "similar", "quality", "candidates", "score", "publish")


@pytest.fixture
def post() -> Iterator[Post]:
    with mail_server(password=PASSWORD) as running:
        yield running


class Mailed(SmallCatalog):
    """The small catalog, whose users have addresses; u01 wants no mail."""

    section = '[digest]\naddress = "email"\nunsubscribed = "out"'
    kept = 'attributes = ["email", "out"]'

    def save(self) -> Path:
        self.more = self.section
        super().save()
        users = self._path("users.csv")
        with users.open(encoding="utf-8", newline="") as file:
            rows = [
                {**row, "email": ADDRESS.format(row["id"]), "out": "yes" if row["id"] == "u01" else ""}
                for row in csv.DictReader(file)
            ]
        with users.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        text = self.file.read_text(encoding="utf-8").replace("[[users]]\n", f"[[users]]\n{self.kept}\n")
        self.file.write_text(text, encoding="utf-8")
        return self.file


@pytest.fixture
def mailed(tmp_path: Path, embedder: object) -> Nights:
    """A finished night of twenty readers with addresses."""
    return Nights(tmp_path / "warehouse", [Mailed(tmp_path / "catalog")])


def configure(post: Post, more: str = "") -> None:
    """Write nightjar.toml into the folder that commands are started from."""
    Path("nightjar.toml").write_text(
        f'[smtp]\nhost = "{HOST}"\nport = {post.port}\nsecurity = "none"\nuser = "library"\nsender = "library@example.org"\n{more}',
        encoding="utf-8",
    )


def files_that_hold(folder: Path, needle: bytes) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and needle in path.read_bytes()
    }


@pytest.mark.usefixtures("prefect_server")
def test_night_then_digest(
    nightjar: Nightjar, mailed: Nights, post: Post, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night, its digests, and where addresses and the password are to be found afterwards."""
    mailed.run(*STAGES)
    monkeypatch.setenv("SMTP_PASSWORD", PASSWORD)
    configure(post)
    rehearsed = nightjar("digest", "--dry-run", *TODAY)
    assert rehearsed.code == 0
    assert "20 in,       19 out, 1 unsubscribed" in rehearsed.out
    assert post.mails == []
    sent = nightjar("digest", *TODAY)
    assert (sent.code, len(post.mails), set(post.users)) == (0, 19, {"library"})
    assert ADDRESS.format("u01") not in post.recipients
    again = nightjar("digest", *TODAY)
    assert "1 in,        0 out, 1 unsubscribed, 19 had theirs today" in again.out
    assert len(post.mails) == 19
    assert mailed.rows("select status, as_of from runs where run_id in (select run_id from digests)") == [
        ("completed", DAY)
    ]
    assert mailed.value("select rows_out from stage_runs where stage = 'digest' order by started_at limit 1") == 19
    holding = files_that_hold(tmp_path / "warehouse", b"@readers.example")
    assert {name for name in holding if not name.startswith(DATABASE)} == set()
    assert files_that_hold(tmp_path / "warehouse", PASSWORD.encode()) == set()
    assert PASSWORD not in sent.out + sent.err
    assert "@readers.example" not in rehearsed.out + sent.out + sent.err + again.out


def ask(folder: Path) -> None:
    """The flow's own work, without Prefect: what is wrong with the configuration is found before anything is sent."""
    body_of(digest_flow)(DigestRequest(warehouse=folder, as_of=DAY))


def test_password_that_is_not_set_names_its_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    monkeypatch.chdir(tmp_path)
    configure(Post(port=9))
    with pytest.raises(
        ConfigError, match="smtp.user is 'library', but the variable 'SMTP_PASSWORD' is not set; put the"
    ):
        ask(tmp_path / "warehouse")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[smtp]\nhost = "x"\nsender = "a@b.c"\npassword = "p"',
            "unknown key 'smtp.password'; did you mean 'password_env'?",
        ),
        ('[smtp]\nsender = "a@b.c"', "smtp.host: Field required"),
        ("[digest]\nmax_itens = 3", "unknown key 'digest.max_itens'; did you mean 'max_items'?"),
    ],
)
def test_mistake_in_the_settings_names_key_and_mend(
    nightjar: Nightjar, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "nightjar.toml").write_text(text, encoding="utf-8")
    refused = nightjar("digest")
    assert refused.code == 2
    assert message in refused.err


@pytest.mark.parametrize(
    ("kept", "section", "message"),
    [
        (
            'attributes = ["e-mail"]',
            '[digest]\naddress = "email"',
            "digest.address names 'email', which is no attribute of the users in",
        ),
        (
            'attributes = ["email"]',
            '[digest]\naddress = "email"\nunsubscribed = "out"',
            "keep it there: attributes = ['out']",
        ),
        ('attributes = ["out"]', '[digest]\nunsubscribed = "out"', "says who wants mail and not where to"),
        ("", '[digest]\nadress = "email"', "unknown key 'digest.adress'; did you mean 'address'?"),
    ],
)
def test_mistake_in_a_catalog_names_the_attribute(
    nightjar: Nightjar, mailed: Nights, kept: str, section: str, message: str
) -> None:
    [catalog] = mailed.catalogs
    catalog.kept, catalog.section = kept, section  # type: ignore[attr-defined]
    refused = nightjar("plan", "--catalog", catalog.save())
    assert refused.code == 2
    assert message in refused.err


def test_catalog_that_was_changed_since_is_ingested_first(mailed: Nights) -> None:
    """The consent that the file names now may not be the one that the warehouse holds."""
    mailed.run("ingest")
    [catalog] = mailed.catalogs
    catalog.section = '[digest]\naddress = "email"\nsubscribed = "out"'  # type: ignore[attr-defined]
    catalog.save()
    with pytest.raises(
        ConfigError, match="was changed since its last ingest, so that addresses and consents may not be"
    ):
        ask(mailed.folder)


def test_other_catalog_of_the_same_users_must_keep_their_consent(mailed: Nights, tmp_path: Path) -> None:
    """It is ingested last, and would forget who wants no mail."""
    books = Mailed(tmp_path / "books", "books")
    books.kept, books.section = 'attributes = ["email"]', ""
    Nights(mailed.folder, [*mailed.catalogs, books]).run("ingest")
    with pytest.raises(
        ConfigError, match="lists users of 'readers' without the attribute 'out', which .digest. of 'news' names"
    ):
        ask(mailed.folder)


def test_every_key_of_the_mail_tables_is_told_and_in_the_example_file() -> None:
    told = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").split("## Mail")[1].split("\n## ")[0]
    names = [*SmtpSection.model_fields, *DigestSection.model_fields]
    assert [name for name in names if f"| `{name}` |" not in told] == []
    example = (ROOT / "nightjar.toml.example").read_text(encoding="utf-8")
    tables = {
        name: "\n".join(re.findall(r"^# (\w+ = .*)$", example.split(f"# [{name}]\n")[1].split("\n\n")[0], re.MULTILINE))
        for name in ("smtp", "digest")
    }
    smtp = SmtpSection.model_validate(tomllib.loads(tables["smtp"]))
    digest = DigestSection.model_validate(tomllib.loads(tables["digest"]))
    assert smtp.model_fields_set | digest.model_fields_set == set(names)
    unset = {"unsubscribe_url", "unsubscribe_mail", "messages_a_minute"}
    assert digest.model_dump(exclude=unset) == DigestSection().model_dump(exclude=unset)
