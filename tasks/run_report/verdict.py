"""The run in words: one sentence, what changed since the run before, what needs a look. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tasks.run_report.facts import Look, RunFacts, Verdict
from tasks.run_report.measuring import MAIN, RANKER
from tasks.run_report.texts import shorten

SHIFTED = 0.1
"""The stability index from which on a shift of labels is worth a look; .25 is a shift for certain."""
STABLE = "labels_are_stable"
MORE = 2.0
"""So many times the cost or the seconds of the run before are worth a look."""
FEW_SECONDS = 60.0
GATE_CHARS = 70
MUCH_REFUSED = 0.05
LITTLE_OVERLAP = 0.3
ENDED = {
    "completed": "The run went through",
    "partial": "The run went through, with questions left for the next one",
    "gated": "A gate stopped the run",
    "failed": "The run failed",
    "interrupted": "The run was stopped before its end",
    "running": "The run is still at work, or its process died",
}


def judge_run(facts: RunFacts) -> Verdict:
    """What a person needs to know first."""
    unpublished = _why_unpublished(facts)
    looks = tuple(_find_looks(facts))
    return Verdict(_sum_up(facts, unpublished, looks), tuple(_find_changes(facts)), looks, unpublished)


def _sum_up(facts: RunFacts, unpublished: str, looks: tuple[Look, ...]) -> str:
    ended = ENDED.get(facts.run.status, f"The run is {facts.run.status}")
    stage = next((one.stage for one in facts.stages if one.status == "failed"), "")
    where = f" in {stage}" if stage and facts.run.status in ("failed", "gated") else ""
    if unpublished:
        return f"{ended}{where}; nothing was published. {_count_looks(looks)}."
    changed = _count_items(facts)
    return f"{ended}; its lists are published{f': {changed}' if changed else ''}. {_count_looks(looks)}."


def _count_items(facts: RunFacts) -> str:
    """How many items came and went, over all catalogs; empty where none were read."""
    items = [counts for counts in facts.ingested if counts.kind == "items"]
    if not items:
        return ""
    new, changed, gone = (sum(getattr(one, name) for one in items) for name in ("n_new", "n_changed", "n_gone"))
    return _count_changes(new, changed, gone)


def _count_changes(new: int, changed: int, gone: int) -> str:
    """As "5 new items, 1 changed"."""
    parts = [f"{new} new {_plural(new, 'item')}"] if new else []
    for n, what in ((changed, "changed"), (gone, "gone")):
        if n:
            parts.append(f"{n} {what}" if parts else f"{n} {_plural(n, 'item')} {what}")
    return ", ".join(parts) or "no item has changed"


def _count_looks(looks: tuple[Look, ...]) -> str:
    serious, others = sum(look.is_serious for look in looks), sum(not look.is_serious for look in looks)
    if not looks:
        return "Nothing needs a look"
    if not serious:
        return f"{others} {'thing needs' if others == 1 else 'things need'} a look"
    first = f"{serious} {'thing is' if serious == 1 else 'things are'} serious"
    return f"{first}, and {others} more {'needs' if others == 1 else 'need'} a look" if others else first


def _why_unpublished(facts: RunFacts) -> str:
    """Empty where the run has published."""
    if facts.run.publication_id:
        return ""
    stands = (
        f"the publication {facts.last_publication} stands" if facts.last_publication else "nothing is published yet"
    )
    why = {
        "gated": "a gate was closed",
        "failed": "it failed",
        "interrupted": "it was stopped",
        "running": "it has not ended",
    }.get(facts.run.status)
    if why is None:
        reached = {stage.stage for stage in facts.stages}
        why = "its publication is not recorded" if "publish" in reached else "it did not go as far as publish"
    return f"{why}; {stands}"


def _find_looks(facts: RunFacts) -> Iterator[Look]:
    # A gate that closed is told by its result, in fewer words.
    is_told = any(not gate.is_success and gate.severity == "critical" for gate in facts.gates)
    if facts.run.status in ("failed", "interrupted", "gated") and facts.run.message and not is_told:
        yield Look(facts.run.message, "gates" if facts.run.status == "gated" else "timeline", is_serious=True)
    for gate in facts.gates:
        if not gate.is_success:
            observed, expected = shorten(gate.observed, GATE_CHARS), shorten(gate.expected, GATE_CHARS)
            text = f"gate {gate.name} of {gate.catalog}: {observed}; expected {expected}"
            yield Look(text, "gates", is_serious=gate.severity == "critical")
    for stage in facts.stages:
        if stage.status == "partial":
            yield Look(f"{stage.stage} of {stage.catalog} ended before all its questions were asked", "timeline")
    n_dead = sum(letter.n_tonight for letter in facts.dead)
    if n_dead:
        yield Look(f"{n_dead} {_plural(n_dead, 'question')} asked in this run got no answer", "rows")
    yield from _look_at_rows(facts)
    yield from _look_at_labels(facts)
    yield from _look_at_metrics(facts)
    yield from _look_at_effort(facts)


def _look_at_rows(facts: RunFacts) -> Iterator[Look]:
    for counts in facts.ingested:
        if counts.n_in and counts.n_quarantined / counts.n_in > MUCH_REFUSED:
            share, of = counts.n_quarantined / counts.n_in, f"{counts.n_quarantined} of {counts.n_in}"
            yield Look(f"{share:.0%} of the {counts.kind} read for {counts.catalog} ({of}) went to quarantine", "rows")


def _look_at_labels(facts: RunFacts) -> Iterator[Look]:
    # The gate says the same, with the bounds of the catalog.
    told = {gate.catalog for gate in facts.gates if gate.name == STABLE and not gate.is_success}
    for labels in facts.labels:
        if labels.catalog in told:
            continue
        if labels.run_id == facts.run.run_id and labels.shift is not None and labels.shift >= SHIFTED:
            text = f"{labels.task} of {labels.catalog} are spread otherwise than before (stability index {labels.shift:.2f})"
            yield Look(text, "drift")
    for drift in facts.lists:
        if drift.overlap < LITTLE_OVERLAP:
            text = (
                f"lists of {drift.catalog} share only {drift.overlap:.0%} of their items with those of the run before"
            )
            yield Look(text, "drift")


def _look_at_metrics(facts: RunFacts) -> Iterator[Look]:
    for metrics in facts.metrics:
        now = next((one.metrics.get(MAIN) for one in metrics.rankers if one.name == RANKER), None)
        before = metrics.before.get(RANKER)
        if metrics.run_id != facts.run.run_id or now is None or before is None:
            continue
        if now.high is not None and before.value is not None and before.value > now.high:
            yield Look(
                f"NDCG@10 of {metrics.catalog} is {now.value:.3f}, and the {before.value:.3f} of the run before lies above"
                " its interval",
                "metrics",
            )


def _look_at_effort(facts: RunFacts) -> Iterator[Look]:
    before = facts.before
    if before is None or not facts.stages:
        return
    if before.cost_usd and facts.run.cost_usd > MORE * before.cost_usd:
        yield Look(f"the run cost ${facts.run.cost_usd:.4f}, the one before ${before.cost_usd:.4f}", "cost")
    if facts.run.seconds > max(FEW_SECONDS, MORE * before.seconds) and math.isfinite(before.seconds):
        slowest = max(facts.stages, key=lambda one: one.seconds)
        text = f"the run took {facts.run.seconds:.0f} s, the one before {before.seconds:.0f} s; longest was {slowest.stage}"
        yield Look(text, "timeline")


def _find_changes(facts: RunFacts) -> Iterator[str]:
    for counts in facts.ingested:
        if counts.kind == "items":
            yield f"{counts.catalog}: {_count_changes(counts.n_new, counts.n_changed, counts.n_gone)}"
    for drift in facts.lists:
        yield f"lists of {drift.catalog}: {drift.overlap:.0%} of the first ten places as in the run before"
    for metrics in facts.metrics:
        now = next((one.metrics.get(MAIN) for one in metrics.rankers if one.name == RANKER), None)
        before = metrics.before.get(RANKER)
        if metrics.run_id == facts.run.run_id and now and before and None not in (now.value, before.value):
            yield f"NDCG@10 of {metrics.catalog}: {before.value:.3f} before, {now.value:.3f} now"


def _plural(n: int, word: str) -> str:
    return word if n == 1 else f"{word}s"
