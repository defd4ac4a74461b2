"""What a cascade knows: everybody's answers on each active content, the vectors, and what it writes down.

Reads topic_labels, person_labels, audit_samples and embeddings; writes audit_samples, cascade_questions, combined_labels
and label_models. Memory O(contents x topics); vectors are read in blocks, or for a few contents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.contracts.context import StepContext
from tasks.labeling.classes import classes_of
from tasks.student.arrays import Codes, Flags, Floats
from tasks.student.deciding import UNANSWERED, Decisions, Source
from tasks.student.model import Student
from warehouse.clock import utc_now
from warehouse.connection import Warehouse

BLOCK = 20_000


@dataclass(frozen=True, eq=False)
class Evidence:
    """keys (n,): content hashes, ascending. cheap, strong, people (n,): columns of classes, UNANSWERED where nobody spoke.

    classes: the topics, then NONE. cheap_proba (n, K): what the cheap labeler said as probabilities, zeros where it said nothing.
    audit (n,): the probability with which a content is in the audit sample, nan for those outside of it. is_asked: the
    strong labeler is to answer it, or has.
    """

    keys: NDArray[np.str_]
    classes: tuple[str, ...]
    cheap: Codes
    strong: Codes
    people: Codes
    cheap_proba: Floats
    audit: Floats
    is_asked: Flags

    @property
    def trusted(self) -> Codes:
        """The answer to learn from: a person's, else the strong labeler's."""
        return np.where(self.people != UNANSWERED, self.people, self.strong)

    @property
    def in_audit(self) -> Flags:
        """The audit sample, as far as the strong labeler has answered it."""
        answered: Flags = self.strong != UNANSWERED
        return answered & ~np.isnan(self.audit)


def read_evidence(warehouse: Warehouse, context: StepContext) -> Evidence:
    """Everybody's answers on the active contents that have a vector."""
    frame = warehouse.query("queries/cascade_evidence", catalog=context.catalog.name)
    classes = classes_of("topics", context.catalog)
    places = {name: place for place, name in enumerate(classes)}

    def codes(column: str) -> Codes:
        # A topic of yesterday's taxonomy counts as no answer.
        known = frame[column].replace_strict(places, default=UNANSWERED, return_dtype=pl.Int64)
        return known.fill_null(UNANSWERED).to_numpy().astype(np.intp)

    cheap = codes("cheap")
    return Evidence(
        keys=frame["content_hash"].to_numpy().astype(np.str_),
        classes=classes,
        cheap=cheap,
        strong=codes("strong"),
        people=codes("people"),
        cheap_proba=_spread(frame["cheap_topics"], cheap, classes),
        audit=frame["audit_probability"].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
        is_asked=frame["is_asked"].to_numpy(),
    )


def _spread(stated: pl.Series, cheap: Codes, classes: Sequence[str]) -> Floats:
    """Stated confidences as probabilities; what a labeler left unsaid is spread over the topics it did not name."""
    places = {name: place for place, name in enumerate(classes)}
    named = pl.DataFrame({"row": np.arange(len(cheap)), "one": stated}).explode("one").unnest("one").drop_nulls("topic")
    named = named.filter(pl.col("topic").is_in(list(places)))
    rows, columns = named["row"].to_numpy(), named["topic"].replace_strict(places, return_dtype=pl.Int64).to_numpy()
    given = np.zeros((len(cheap), len(classes)))
    is_named = np.zeros(given.shape, dtype=np.bool_)
    given[rows, columns] = named["confidence"].to_numpy()
    is_named[rows, columns] = True
    unsaid = np.flatnonzero((cheap != UNANSWERED) & (stated.list.len().to_numpy() == 0))
    given[unsaid, cheap[unsaid]] = 0.5
    is_named[unsaid, cheap[unsaid]] = True
    left = np.maximum(0.0, 1.0 - given.sum(axis=1)) / np.maximum(1, len(classes) - is_named.sum(axis=1))
    found = np.where(is_named, given, left[:, None])
    found /= found.sum(axis=1, keepdims=True)
    found[cheap == UNANSWERED] = 0.0
    return found


def read_blocks(warehouse: Warehouse, context: StepContext, keys: NDArray[np.str_]) -> Iterator[tuple[Codes, Any]]:
    """Blocks of (places in keys, vectors) that together hold each content once."""
    for frame in warehouse.stream("queries/content_vectors", rows=BLOCK, catalog=context.catalog.name):
        found = frame["content_hash"].to_numpy().astype(np.str_)
        yield np.searchsorted(keys, found), _matrix(frame)


def read_some(warehouse: Warehouse, context: StepContext, keys: NDArray[np.str_], rows: Codes) -> NDArray[np.float32]:
    """The vectors of some places in keys, in their order."""
    wanted = keys[rows]
    frame = warehouse.query(
        "queries/content_vectors_of", catalog=context.catalog.name, keys=[str(key) for key in wanted]
    )
    order = np.argsort(frame["content_hash"].to_numpy().astype(np.str_))
    vectors = _matrix(frame)[order]
    place = np.empty(len(rows), dtype=np.intp)
    place[np.argsort(wanted)] = np.arange(len(rows))
    return np.asarray(vectors[place])


def _matrix(frame: pl.DataFrame) -> NDArray[np.float32]:
    if frame.is_empty():
        return np.empty((0, 0), dtype=np.float32)
    values = frame["vector"].explode(empty_as_null=True).to_numpy().astype(np.float32)
    return np.asarray(values.reshape(frame.height, -1))


def draw_audit_coins(keys: Sequence[str], *, share: float, seed: int) -> Flags:
    """Whose coin falls into the audit sample, (n,); a content's coin is its own for ever, whatever else is in the catalog."""
    coins = [int(hashlib.sha256(f"{seed}|{key}".encode()).hexdigest()[:13], 16) / 16**13 for key in keys]
    return np.array(coins) < share


def store_audit(warehouse: Warehouse, context: StepContext, keys: Sequence[str], *, probability: float) -> None:
    """Note that these contents are in the audit sample; those that are stay with the probability they were drawn with."""
    scope = {"catalog": context.catalog.name, "task": "topics", "run_id": context.run_id}
    rows = pl.DataFrame({"question_key": list(keys)}, schema={"question_key": pl.String})
    rows = rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in scope.items()), probability=pl.lit(probability)
    )
    warehouse.insert("audit_samples", rows, on_conflict="ignore")


def store_questions(warehouse: Warehouse, context: StepContext, keys: Sequence[str], *, role: str, why: str) -> None:
    """Note that these contents are to be asked of the cheap or the strong labeler; the cheap one's list is made anew."""
    with warehouse.transaction():
        if role == "cheap":
            warehouse.run("queries/forget_cheap_questions", catalog=context.catalog.name)
        scope = {"catalog": context.catalog.name, "role": role, "why": why, "run_id": context.run_id}
        rows = pl.DataFrame({"question_key": list(keys)}, schema={"question_key": pl.String})
        rows = rows.with_columns(pl.lit(value).alias(name) for name, value in scope.items())
        warehouse.insert("cascade_questions", rows, on_conflict="ignore")


def store_decisions(warehouse: Warehouse, context: StepContext, evidence: Evidence, decisions: Decisions) -> None:
    """Replace the combined labels of topics by what the cascade decided."""
    names = np.array([*evidence.classes[:-1], None], dtype=object)
    given = np.stack([evidence.cheap, evidence.strong, evidence.people]) != UNANSWERED
    rows = pl.DataFrame(
        {
            "question_key": evidence.keys,
            "answer": pl.Series(names[decisions.codes].tolist(), dtype=pl.String),
            "confidence": np.round(decisions.confidence, 6),
            "n_labelers": (1 + given.sum(axis=0)).astype(np.int64),
            "source": [str(Source(source)) for source in decisions.sources],
        }
    )
    scope = {"catalog": context.catalog.name, "task": "topics", "method": "cascade", "run_id": context.run_id}
    rows = rows.with_columns(
        *(pl.lit(value).alias(name) for name, value in scope.items()),
        score=pl.lit(None, dtype=pl.Float64),
        created_at=pl.lit(utc_now()),
    )
    with warehouse.transaction():
        warehouse.run("queries/forget_combined", catalog=context.catalog.name, task="topics")
        warehouse.insert("combined_labels", rows)


def store_student(warehouse: Warehouse, context: StepContext, student: Student, facts: Mapping[str, Any]) -> None:
    """Keep tonight's student, with what is known about it."""
    row = {
        "catalog": context.catalog.name,
        "task": "topics",
        "kind": "student",
        "subject": "topics",
        "version": student.version,
        "model": student.to_json(),
        "facts": json.dumps(facts, sort_keys=True),
        "run_id": context.run_id,
        "created_at": utc_now(),
    }
    warehouse.insert("label_models", pl.DataFrame([row]), on_conflict="replace")


def latest_basis(warehouse: Warehouse, context: StepContext) -> str | None:
    """What the stored decisions follow from, as cascade_report.basis_of says it; None where there are none."""
    facts = warehouse.value("queries/student_facts", catalog=context.catalog.name)
    return None if facts is None else str(json.loads(facts)["basis"])
