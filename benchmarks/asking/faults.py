"""What goes wrong and what comes of it: bad rows, bad replies, changes, batches, budgets, kills. 500 rows each."""

from __future__ import annotations

import itertools
import random
import time
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import duckdb

from benchmarks.asking.harness import Server, new_folder, run_night, serve, start_night
from benchmarks.asking.night import Plan
from benchmarks.asking.table import Line
from warehouse.connection import DATABASE

ROWS = 500
KILLS = 50
# From the server's answer to the safe place: the way back, reading, checking, one commit.
GRACE_SECONDS = 0.02


def read_labels(folder: str) -> dict[str, str]:
    """The primary topic of each row, over all fingerprints."""
    with duckdb.connect(str(Path(folder) / DATABASE), read_only=True) as connection:
        rows = connection.execute("select content_hash, coalesce(primary_topic, '') from topic_labels").fetchall()
    return dict(rows)


def read_dead(folder: str) -> dict[str, tuple[str, str]]:
    """Reason and raw reply of each dead letter."""
    with duckdb.connect(str(Path(folder) / DATABASE), read_only=True) as connection:
        rows = connection.execute("select question_key, reason, raw_reply from dead_letters").fetchall()
    return {key: (reason, raw) for key, reason, raw in rows}


@cache
def right_labels(rows: int = ROWS, edition: str = "") -> dict[str, str]:
    """What a server without faults says to the same rows."""
    with serve() as server, new_folder() as folder:
        run_night(Plan(folder, server.url, rows=rows, edition=edition))
        return read_labels(folder)


def measure_bad_rows() -> list[Line]:
    """Rows that always fail, in company: five questions a request, so that neighbours are at stake."""
    with serve(always_500_share=0.02) as server, new_folder() as folder:
        seen = run_night(
            Plan(folder, server.url, rows=ROWS, size=5, endpoint={"max_attempts": 2, "backoff_seconds": 0.05})
        )
        labels, dead = read_labels(folder), read_dead(folder)
    right = right_labels()
    is_right = labels == {key: label for key, label in right.items() if key not in dead}
    line = f"{len(dead)} dead letters ({dict(seen.dead)}), {len(labels)} labels, all right: {is_right}"
    wanted = "exactly those are dead letters, every other row right"
    return [
        Line(
            "2 % of the rows always 500, 5 a request", wanted, line, is_right and set(labels) | set(dead) == set(right)
        )
    ]


def measure_malformed() -> list[Line]:
    """Replies that are no JSON: once, and for ever."""
    lines = []
    for is_always in (False, True):
        with serve(malformed_share=0.02, malformed_always=is_always) as server, new_folder() as folder:
            run_night(Plan(folder, server.url, rows=ROWS))
            labels, dead, requests = read_labels(folder), read_dead(folder), server.stats()["n_requests"]
        right = right_labels()
        is_right = labels == {key: label for key, label in right.items() if key not in dead}
        told = all(reason.startswith("invalid_reply") and raw for reason, raw in dead.values())
        line = f"{requests - ROWS} asked again, {len(dead)} dead with reason and raw reply: {told}, the rest right: {is_right}"
        enough = is_right and told and bool(dead) == is_always and len(labels) + len(dead) == ROWS
        lines.append(
            Line(
                f"2 % malformed JSON, {'for ever' if is_always else 'when first asked'}",
                "asked again; what stays malformed is dead",
                line,
                enough,
            )
        )
    return lines


def measure_foreign() -> list[Line]:
    """Labels outside the list, for ever."""
    with serve(foreign_label_share=0.02, foreign_label_always=True) as server, new_folder() as folder:
        run_night(Plan(folder, server.url, rows=ROWS))
        labels, dead = read_labels(folder), read_dead(folder)
    right = right_labels()
    n_foreign = sum(label not in {"", *right.values()} for label in labels.values())
    is_right = labels == {key: label for key, label in right.items() if key not in dead}
    line = f"{n_foreign} stored, {len(dead)} dead letters, the rest right: {is_right}"
    return [Line("2 % labels outside the list", "none stored", line, n_foreign == 0 and is_right and len(dead) > 0)]


def measure_additions() -> list[Line]:
    """Twenty rows more, two of which say what others have said; the same ids with other text."""
    with serve() as server, new_folder() as folder:
        run_night(Plan(folder, server.url, rows=ROWS))
        before = server.stats()["n_requests"]
        run_night(Plan(folder, server.url, rows=ROWS + 20, distinct=ROWS + 18))
        added = server.stats()["n_requests"] - before
        again = server.stats()["n_requests"]
        run_night(Plan(folder, server.url, rows=ROWS + 20, distinct=ROWS + 18))
        unchanged = server.stats()["n_requests"] - again
        run_night(Plan(folder, server.url, rows=200, edition="b"))
        other = right_labels(200, "b")
        labels = read_labels(folder)
    n_wrong = sum(labels.get(key) != label for key, label in other.items())
    line = f"{added} requests; an unchanged night {unchanged}"
    return [
        Line("20 rows added, 18 of them new texts", "18 requests", line, (added, unchanged) == (18, 0)),
        Line("same rows, other text (200)", "all right", f"{n_wrong} of 200 wrong or stale", n_wrong == 0),
    ]


def measure_changes() -> list[Line]:
    """What changes an answer asks again, what does not does not."""
    with serve() as server, new_folder() as folder:
        plan = Plan(folder, server.url, rows=ROWS)

        def requests(**changes: object) -> int:
            before = server.stats()["n_requests"]
            run_night(replace(plan, **changes))  # type: ignore[arg-type]
            return int(server.stats()["n_requests"]) - before

        requests()
        found = {
            "label list": requests(topics=4),
            "back again": requests(),
            "model": requests(endpoint={"model": "other"}),
            "temperature": requests(endpoint={"sampling": {"temperature": 0.5}}),
            "name, price, timeout": requests(endpoint={"name": "x", "usd_per_million_in": 9.0, "timeout_seconds": 60}),
            "5 a request instead of 1": requests(size=5),
        }
    wanted = [ROWS, 0, ROWS, ROWS, 0, 0]
    line = ", ".join(f"{name}: {count}" for name, count in found.items())
    return [Line("changed, and asked again of 500", ", ".join(map(str, wanted)), line, list(found.values()) == wanted)]


def measure_batch() -> list[Line]:
    """The Batch API: 2 % of the rows fail, the output comes in another order."""
    with serve(batch_failed_share=0.02) as server, new_folder() as folder:
        seen = run_night(Plan(folder, server.url, rows=ROWS, endpoint={"mode": "batch"}))
        labels, stats = read_labels(folder), server.stats()
    is_right = labels == right_labels()
    online = stats["n_by_path"].get("/v1/chat/completions", 0)
    asked = f"{stats['n_batch_rows']} rows in the batch, {online - 1} failed rows asked online"
    line = f"{len(labels)} labels, all right: {is_right}; {asked}"
    return [
        Line(
            "Batch API, 2 % failed, output in another order",
            "all right, failed rows due again",
            line,
            is_right and not seen.dead,
        )
    ]


def measure_budget() -> list[Line]:
    """Money: 64 in flight and a limit in between."""
    prices = {"usd_per_million_in": 10.0, "usd_per_million_out": 30.0, "sampling": {"max_output_tokens": 200}}
    lines = []
    for limit in (0.2, 0.5, 1.0):
        with serve(latency_seconds=0.05) as server, new_folder() as folder:
            seen = run_night(
                Plan(folder, server.url, rows=ROWS, max_cost_usd=limit, endpoint={**prices, "max_in_flight": 64})
            )
            stats = server.stats()
        billed = (stats["tokens_in"] * 10 + stats["tokens_out"] * 30) / 1e6
        line = f"${billed:.4f} on the server's bill, ${seen.cost_usd:.4f} reported, {seen.labels} labels; {seen.ended[:60]}"
        lines.append(
            Line(
                f"budget of ${limit}, up to 64 in flight",
                "overshoot 0",
                line,
                billed <= limit and "budget" in seen.ended,
            )
        )
    return lines


def measure_sizes() -> list[Line]:
    """Tokens a label, by questions a request."""
    lines = []
    for size in (1, 5, 10, 20):
        with serve() as server, new_folder() as folder:
            seen = run_night(Plan(folder, server.url, rows=ROWS, size=size))
        tokens = (seen.tokens_in + seen.tokens_out) / max(seen.labels, 1)
        sides = f"{seen.tokens_in / seen.labels:.0f} in, {seen.tokens_out / seen.labels:.0f} out"
        line = f"{tokens:.0f} tokens a label ({sides}), {seen.requests} requests"
        lines.append(Line(f"{size} questions a request", "all labeled", line, seen.labels == ROWS))
    return lines


def measure_kill() -> list[Line]:
    """One kill -9 at half."""
    with serve(latency_seconds=0.2, logged=True) as server, new_folder() as folder:
        plan = Plan(folder, server.url, rows=ROWS, endpoint={"max_in_flight": 32})
        killed_at = _kill(plan, server, at_answers=ROWS // 2)
        run_night(plan)
        labels, counted = read_labels(folder), _count_repeats(server, [killed_at])
    is_right = labels == right_labels()
    line = f"{counted.describe()}; right: {is_right}"
    wanted = "repeated calls at most those in flight; none answered is asked twice"
    return [Line("`kill -9` at half, started again", wanted, line, counted.is_enough and is_right)]


def measure_kills() -> list[Line]:
    """Fifty kills at random moments of one work list."""
    chance, rows = random.Random(7), 6000
    kills: list[float] = []
    with serve(latency_seconds=0.1, logged=True) as server, new_folder() as folder:
        plan = Plan(folder, server.url, rows=rows, endpoint={"max_in_flight": 32})
        for _ in range(KILLS):
            have = sum(server.answered().values())
            kills.append(_kill(plan, server, at_answers=have + chance.randint(0, 100), pause=chance.random() * 0.2))
        seen = run_night(plan)
        labels, counted = read_labels(folder), _count_repeats(server, kills)
    line = f"{len(labels)} of {rows} labels; {counted.describe()}; the last night asked {seen.requests}"
    enough = len(labels) == rows and counted.is_enough
    return [Line(f"{KILLS} × `kill -9` at random moments", "no answered label lost, none twice", line, enough)]


@dataclass(frozen=True)
class Repeats:
    """Calls that were answered again, calls that were in flight when a kill came, and calls that were answered more than
    GRACE_SECONDS before it and yet asked again."""

    n_repeated: int
    n_in_flight: int
    n_lost: int

    @property
    def is_enough(self) -> bool:
        return self.n_repeated <= self.n_in_flight and self.n_lost == 0

    def describe(self) -> str:
        return (
            f"{self.n_repeated} repeated calls, {self.n_in_flight} in flight at the kill, "
            f"{self.n_lost} answered more than {GRACE_SECONDS * 1000:.0f} ms before it and asked again"
        )


def _kill(plan: Plan, server: Server, *, at_answers: int, pause: float = 0.0) -> float:
    """Start a night, kill it when the server has answered so many; when that was, in seconds since 1970."""
    process = start_night(plan)
    while sum(server.answered().values()) < at_answers and process.poll() is None:
        time.sleep(0.02)
    time.sleep(pause)
    killed_at = time.time()
    process.kill()
    process.wait()
    # What was in flight is answered to nobody; let it be logged before anybody counts.
    time.sleep(0.4)
    return killed_at


def _count_repeats(server: Server, kills: list[float]) -> Repeats:
    answers: dict[str, list[float]] = {}
    n_in_flight = 0
    for entry in server.entries():
        if entry["status"] == 200 and entry["user_sha256"]:
            answers.setdefault(entry["user_sha256"], []).append(entry["finished_at"])
            n_in_flight += any(
                entry["arrived_at"] <= kill + GRACE_SECONDS and entry["finished_at"] > kill - GRACE_SECONDS
                for kill in kills
                if abs(entry["finished_at"] - kill) < 1
            )
    n_lost = 0
    for finished in answers.values():
        for before, after in itertools.pairwise(sorted(finished)):
            n_lost += not any(before > kill - GRACE_SECONDS for kill in kills if kill < after)
    return Repeats(sum(len(finished) - 1 for finished in answers.values()), n_in_flight, n_lost)
