"""The cascade of topics: a student on the embeddings, a cheap labeler, a strong one, people; each asked what the last can't say.

A random audit sample goes to the strong labeler whoever else answers. What else it may answer goes, in ROUNDS rounds, to
what would teach the student most at first and to what student and cheap labeler dispute then. All evidence is put
together anew each night, for free; what was paid for is never asked again.
Time O(contents x topics) beside the asking, memory O(contents x topics); vectors pass in blocks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tasks.contracts.context import StepContext
from tasks.contracts.errors import ConfigError
from tasks.contracts.report import StepReport, StoppedStage
from tasks.labelers.protocol import Labeler
from tasks.labeling.build import build_labeler
from tasks.labeling.cascade_evidence import (
    Evidence,
    draw_audit_coins,
    latest_basis,
    read_blocks,
    read_evidence,
    read_some,
    store_audit,
    store_decisions,
    store_questions,
    store_student,
)
from tasks.labeling.cascade_report import basis_of, note_cascade
from tasks.labeling.panel import merge_reports, set_member, spent_by
from tasks.student.arrays import Codes, Floats
from tasks.student.choosing import choose_items, measure_margin
from tasks.student.deciding import UNANSWERED, Answers, Decisions, decide
from tasks.student.fitting import CrossFit, WeakLabels, cross_fit_student
from tasks.student.threshold import Threshold, choose_threshold
from warehouse.connection import Warehouse

ROUNDS = 4
POOL = 5_000
WEAK_ROWS = 10_000
PRIOR_ERROR, PRIOR_LABELS = 0.05, 20
"""What is believed of a labeler's error before anybody has checked it: one answer in twenty, as if twenty had been seen."""

Ask = Callable[[Labeler, str], StepReport]
"""Lands a labeler's answers to what is due in one role's list of questions; "" is everything."""


@dataclass(frozen=True, eq=False)
class Learned:
    """Tonight's student, its probabilities on every content (out of fold where it has learned from it), and its threshold."""

    fit: CrossFit
    proba: Floats
    threshold: Threshold


@dataclass
class Cascade:
    """One night's cascade of one catalog."""

    context: StepContext
    warehouse: Warehouse
    cheap: Labeler
    strong: Labeler

    @property
    def cheap_is_free(self) -> bool:
        """Whether everything may be asked of the cheap labeler."""
        return self.cheap.name.startswith("embedded:")

    def learn(self, evidence: Evidence) -> Learned:
        """Fit the student on what people and the strong labeler have said, the cheap labeler's answers as weak labels."""
        config = self.context.catalog.cascade
        taught = np.flatnonzero(evidence.trusted != UNANSWERED)
        labels = [self._name(evidence, code) for code in evidence.trusted[taught]]
        by_strong = evidence.people[taught] == UNANSWERED
        fit = cross_fit_student(
            read_some(self.warehouse, self.context, evidence.keys, taught),
            labels,
            classes=evidence.classes[:-1],
            weak=self._weak(evidence),
            label_error=np.where(by_strong, error_of(evidence.strong, evidence.people), 0.0),
            seed=config.seed,
        )
        proba = np.empty((len(evidence.keys), len(evidence.classes)))
        for rows, vectors in read_blocks(self.warehouse, self.context, evidence.keys):
            proba[rows] = fit.student.predict_proba(vectors)
        proba[taught] = fit.out_of_fold
        audit = np.flatnonzero(evidence.in_audit)
        threshold = choose_threshold(
            proba[audit].max(axis=1, initial=0.0),
            proba[audit].argmax(axis=1) != evidence.strong[audit],
            max_error=config.max_error,
            weights=1 / evidence.audit[audit],
            n_classes=len(evidence.classes),
            n_future=max(1, len(evidence.keys) - len(audit)),
            seed=config.seed,
        )
        return Learned(fit, proba, threshold)

    def decide(self, evidence: Evidence, learned: Learned, *, is_unaided: bool = False) -> Decisions:
        """What all evidence says of each content; is_unaided: without the strong labeler and without people."""
        reference = np.where(evidence.people != UNANSWERED, evidence.people, evidence.strong)
        cheap = Answers(evidence.cheap, error_of(evidence.cheap, reference))
        return decide(
            learned.proba,
            pooled=evidence.cheap_proba if self.cheap_is_free else None,
            cheap=None if self.cheap_is_free else cheap,
            strong=None if is_unaided else Answers(evidence.strong, error_of(evidence.strong, evidence.people)),
            people=None if is_unaided else Answers(evidence.people, 0.0),
            threshold=learned.threshold.value,
        )

    def choose(self, evidence: Evidence, learned: Learned | None, *, k: int) -> list[str]:
        """At most k contents for the strong labeler: spread out before there is a student, then the least certain."""
        config = self.context.catalog.cascade
        is_open = np.flatnonzero(~evidence.is_asked & (evidence.trusted == UNANSWERED))
        taught = np.flatnonzero(evidence.trusted != UNANSWERED)
        if learned is None:
            order = np.random.default_rng(config.seed).permutation(is_open)
            doubts = evidence.cheap_proba if (evidence.cheap != UNANSWERED).all() else None
        else:
            doubts = self.decide(evidence, learned).posterior
            order = is_open[np.argsort(measure_margin(doubts[is_open]), kind="stable")]
        rows = np.concatenate([taught, order[: max(POOL, 2 * k)]])
        chosen = choose_items(
            read_some(self.warehouse, self.context, evidence.keys, rows),
            k=k,
            probabilities=None if doubts is None else doubts[rows],
            labeled=np.arange(len(taught)),
            is_cold=learned is None,
            seed=config.seed,
        )
        return [str(evidence.keys[rows[place]]) for place in chosen]

    def unsure(self, evidence: Evidence, learned: Learned) -> list[str]:
        """What the cheap labeler is to say: contents that the student is not sure of and nobody better has answered."""
        is_unsure = learned.proba.max(axis=1, initial=0.0) < learned.threshold.value
        return [str(key) for key in evidence.keys[is_unsure & (evidence.trusted == UNANSWERED)]]

    def _weak(self, evidence: Evidence) -> WeakLabels | None:
        said = np.flatnonzero(evidence.cheap != UNANSWERED)
        said = np.sort(np.random.default_rng(self.context.catalog.cascade.seed).permutation(said)[:WEAK_ROWS])
        if not len(said):
            return None
        return WeakLabels(
            read_some(self.warehouse, self.context, evidence.keys, said),
            [self._name(evidence, code) for code in evidence.cheap[said]],
            evidence.cheap_proba[said].max(axis=1),
        )

    @staticmethod
    def _name(evidence: Evidence, code: int) -> str | None:
        return None if code == len(evidence.classes) - 1 else evidence.classes[code]


def error_of(answers: Codes, reference: Codes) -> float:
    """A labeler's error rate, in (0, 1), from what both have answered, and PRIOR_ERROR as of PRIOR_LABELS more."""
    both = (answers != UNANSWERED) & (reference != UNANSWERED)
    wrong = float((answers[both] != reference[both]).sum())
    return (wrong + PRIOR_ERROR * PRIOR_LABELS) / (float(both.sum()) + PRIOR_LABELS)


def run_cascade(context: StepContext, warehouse: Warehouse, ask: Ask) -> StepReport:
    """Ask whom the cascade says, decide every content, and store the decisions; one report of all askings.

    Raises ConfigError where the strong labeler is the cheap one, StoppedStage with all that was done on Ctrl-C.
    """
    reports: list[StepReport] = []
    cascade = _build(context, warehouse)
    try:
        if cascade.cheap_is_free:
            reports.append(ask(cascade.cheap, ""))
        if not _is_settled(cascade):
            _ask_all(cascade, ask, reports)
    except StoppedStage as stopped:
        raise StoppedStage(merge_reports([*reports, stopped.report])) from stopped
    evidence = read_evidence(warehouse, context)
    report = merge_reports([StepReport(stage="topics", catalog=context.catalog.name), *reports])
    if not (evidence.trusted != UNANSWERED).any():
        note = "nobody trusted has answered anything yet: the cheap labeler's answers stand"
        return merge_reports([report, StepReport(stage=report.stage, catalog=report.catalog, notes=(note,))])
    if latest_basis(warehouse, context) == basis_of(evidence, context):
        note = "nobody has said anything new: last night's decisions stand"
        return merge_reports([report, StepReport(stage=report.stage, catalog=report.catalog, notes=(note,))])
    learned = cascade.learn(evidence)
    decisions = cascade.decide(evidence, learned)
    unaided = cascade.decide(evidence, learned, is_unaided=True)
    store_decisions(warehouse, context, evidence, decisions)
    notes, facts = note_cascade(
        context, warehouse, evidence, decisions, unaided, learned.threshold, strong=cascade.strong
    )
    store_student(warehouse, context, learned.fit.student, facts)
    return merge_reports([report, StepReport(stage=report.stage, catalog=report.catalog, notes=notes)])


def _build(context: StepContext, warehouse: Warehouse) -> Cascade:
    catalog = context.catalog
    if len(catalog.labelers.panel("topics")) > 1:
        raise ConfigError(
            f"catalog {catalog.name!r} has a cascade and {len(catalog.labelers.panel('topics'))} labelers of topics; name one"
            " cheap labeler in labelers.topics and the strong one in cascade.strong"
        )
    cheap = build_labeler("topics", context, warehouse)
    strong = build_labeler("topics", context, warehouse, wanted=catalog.cascade.strong, is_first=False)
    if cheap.fingerprint("topics") == strong.fingerprint("topics"):
        raise ConfigError(
            f"catalog {catalog.name!r}: cascade.strong = {catalog.cascade.strong!r} is the labeler of labelers.topics too;"
            " name a better one, or leave the cascade out"
        )
    for position, role, labeler in ((0, "cheap", cheap), (1, "strong", strong)):
        set_member(warehouse, context, task="topics", position=position, role=role, labeler=labeler)
    warehouse.run("queries/forget_members", catalog=catalog.name, task="topics", n_members=2)
    return Cascade(context, warehouse, cheap, strong)


def _is_settled(cascade: Cascade) -> bool:
    """Whether the stored decisions follow from all that is known, and no question to the strong labeler is open."""
    evidence = read_evidence(cascade.warehouse, cascade.context)
    is_open = (evidence.is_asked & (evidence.strong == UNANSWERED)).any()
    return not is_open and latest_basis(cascade.warehouse, cascade.context) == basis_of(evidence, cascade.context)


def _ask_all(cascade: Cascade, ask: Ask, reports: list[StepReport]) -> None:
    """The night's askings: audit sample, then rounds of learning and choosing, the cheap labeler between them."""
    context, warehouse = cascade.context, cascade.warehouse
    config = context.catalog.cascade
    evidence = read_evidence(warehouse, context)
    n = len(evidence.keys)
    in_audit = draw_audit_coins([str(key) for key in evidence.keys], share=config.audit_share, seed=config.seed)
    most = math.floor(config.strong_share * n)
    fresh = [str(key) for key in evidence.keys[in_audit & np.isnan(evidence.audit)]]
    store_audit(warehouse, context, fresh, probability=config.audit_share)
    store_questions(warehouse, context, fresh, role="strong", why="audit")
    _ask_strong(cascade, ask, reports)
    for turn in range(ROUNDS):
        evidence = read_evidence(warehouse, context)
        k = math.ceil(max(0, most - int(evidence.is_asked.sum())) / (ROUNDS - turn))
        wants_cheap = turn == ROUNDS // 2 and not cascade.cheap_is_free
        is_start = not _is_taught(evidence)
        if not k and not wants_cheap:
            continue
        learned = None if is_start else cascade.learn(evidence)
        if wants_cheap:
            unsure = [str(key) for key in evidence.keys] if learned is None else cascade.unsure(evidence, learned)
            store_questions(warehouse, context, unsure, role="cheap", why="unsure")
            reports.append(ask(_with_budget(cascade, "cheap", reports), "cheap"))
            evidence = read_evidence(warehouse, context)
        if k:
            chosen = cascade.choose(evidence, learned, k=k)
            store_questions(warehouse, context, chosen, role="strong", why="start" if is_start else "dispute")
            _ask_strong(cascade, ask, reports)


def _is_taught(evidence: Evidence) -> bool:
    """Whether there are labels enough to ask for disputes rather than for a first overview: two a topic, on average."""
    return int((evidence.trusted != UNANSWERED).sum()) >= 2 * (len(evidence.classes) - 1)


def _ask_strong(cascade: Cascade, ask: Ask, reports: list[StepReport]) -> None:
    reports.append(ask(_with_budget(cascade, "strong", reports), "strong"))


def _with_budget(cascade: Cascade, role: str, reports: list[StepReport]) -> Labeler:
    """The labeler of a role, with what the earlier askings of this night have left of the budget."""
    context = cascade.context
    wanted = context.catalog.cascade.strong if role == "strong" else None
    return build_labeler(
        "topics", context, cascade.warehouse, wanted=wanted, spent=spent_by(reports), is_first=role == "cheap"
    )
