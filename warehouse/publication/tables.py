"""The published tables, declared once: what is written, put into the manifest, checked, and told in docs/contract.md.

Semantic versioning: a removed or retyped column is a new major version (`v2/` beside `v1/`), an added one a new minor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from warehouse.errors import PublicationError

SCHEMA_VERSION = "1.2.0"
TEXT = pa.string()
TOPICS = pa.list_(pa.struct([pa.field("topic", TEXT), pa.field("confidence", pa.float64())]))


@dataclass(frozen=True)
class Column:
    """One column; low and high are inclusive bounds that verification holds it to, above an exclusive lower one."""

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    above: float | None = None
    nullable: bool = False
    since: str = "1.0.0"

    @property
    def range(self) -> str:
        """The bounds as mathematicians write them: "[0, 1]", "(0, 1]", "[1, ∞)"; empty without bounds."""
        if self.low is None and self.high is None and self.above is None:
            return ""
        left = f"({self.above:g}" if self.above is not None else "(-∞" if self.low is None else f"[{self.low:g}"
        return f"{left}, {'∞)' if self.high is None else f'{self.high:g}]'}"


@dataclass(frozen=True)
class Table:
    """One published table: rows are sorted by `sorted_by` within each catalog, and each of `keys` is unique there.

    ranked_by names a column that counts 1, 2, 3 … within each value of the first sort column. version is the schema's.
    """

    name: str
    grain: str
    columns: tuple[Column, ...]
    sorted_by: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    ranked_by: str | None = None
    row_group_rows: int = 50_000
    version: str = SCHEMA_VERSION

    @property
    def names(self) -> list[str]:
        """The columns' names in order."""
        return [column.name for column in self.columns]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema, with each column's meaning as field metadata."""
        return pa.schema(
            pa.field(column.name, column.type, nullable=column.nullable, metadata={"description": column.meaning})
            for column in self.columns
        )

    @property
    def version_folder(self) -> str:
        """The folder of the schema's major version: "v1"."""
        return f"v{parse_version(self.version)[0]}"

    def at(self, version: str) -> Table:
        """The table as an earlier version of the same major had it: without the columns that came later."""
        kept = tuple(column for column in self.columns if parse_version(column.since) <= parse_version(version))
        return replace(self, columns=kept, version=version)


def parse_version(version: str) -> tuple[int, ...]:
    """Major, minor and patch as numbers, so that versions can be compared. Raises PublicationError."""
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError as error:
        raise PublicationError(f"schema version {version!r} is none; write it like {SCHEMA_VERSION!r}") from error


CATALOG = Column("catalog", TEXT, "name of the catalog that the row belongs to")
USER_SPACE = Column("user_space", TEXT, "users of the same space are the same people, whatever the catalog")
USER_ID = Column("user_id", TEXT, "the user's id in the source, as text")
ITEM_ID = Column("item_id", TEXT, "the item's id in the source, as text")
CONFIDENCE = Column("confidence", pa.float64(), "the labeler's own estimate that it is right", "probability", 0, 1)
LABELER = Column("labeler", TEXT, "who gave the label: `embedded:<model>` or `openai:<model>`")
FINGERPRINT = Column("fingerprint", TEXT, "hash of all that shaped the label: model, prompt, schema, parameters")
REASON = Column("reason", TEXT, "why, in a few words of the labeler; may be empty")
AS_OF = Column("as_of", pa.date32(), "the day whose end the run looked back from", "UTC day")

RECOMMENDATIONS = Table(
    name="recommendations",
    grain="one row per user and recommended item",
    columns=(
        CATALOG,
        USER_SPACE,
        USER_ID,
        Column("rank", pa.int32(), "place in the user's list, best first, without gaps", "", 1),
        ITEM_ID,
        Column("title", TEXT, "the item's title at the time of the run"),
        Column("url", TEXT, "link to the item from the catalog; empty if it has none; not checked"),
        Column(
            "score",
            pa.float64(),
            "the ranker's score, finite; of use within one user's list; a list's order may differ",
        ),
        Column(
            "sources",
            pa.list_(TEXT),
            "the candidate sources that found the item, best place first; `fallback` where none did",
        ),
        Column("reason", TEXT, "why this item for this user, in one line; never empty"),
        Column("reason_content", TEXT, "what in the item speaks for it, if anything", nullable=True, since="1.2.0"),
        Column("reason_popularity", TEXT, "what others made of it, if anything", nullable=True, since="1.2.0"),
        Column("reason_diversity", TEXT, "what it adds to the list, if anything", nullable=True, since="1.2.0"),
        Column("reason_time", TEXT, "why it is timely, if it is", nullable=True, since="1.2.0"),
        Column(
            "reason_source",
            TEXT,
            "who wrote the reason: `template` (put together from the data) or a labeler, checked against the data",
            since="1.2.0",
        ),
        Column(
            "propensity",
            pa.float64(),
            "chance that this item got its place, where it was drawn at random for a slot of exploration; else null",
            "probability",
            above=0,
            high=1,
            nullable=True,
            since="1.2.0",
        ),
        Column("primary_topic", TEXT, "the item's main topic; null if it has none", nullable=True),
        AS_OF,
    ),
    sorted_by=("user_id", "rank"),
    keys=(("user_id", "item_id"), ("user_id", "rank")),
    ranked_by="rank",
    # Some 500 users of 20 items: what a reader that looks one user up has to decode.
    row_group_rows=10_000,
)
ITEM_TOPICS = Table(
    name="item_topics",
    grain="one row per active item that has a topic label or an abstention",
    columns=(
        CATALOG,
        ITEM_ID,
        Column(
            "primary_topic", TEXT, "the main topic of the taxonomy; null: the labeler found none fit", nullable=True
        ),
        Column(
            "parent_topic",
            TEXT,
            "the topic of the upper level that primary_topic is part of; primary_topic itself where it is one",
            nullable=True,
            since="1.1.0",
        ),
        Column("topics", TOPICS, "up to three topics with their confidence in [0, 1], best first"),
        CONFIDENCE,
        LABELER,
        FINGERPRINT,
        REASON,
    ),
    sorted_by=("item_id",),
    keys=(("item_id",),),
)
ITEM_ENRICHMENTS = Table(
    name="item_enrichments",
    grain="one row per active item that has been enriched",
    columns=(
        CATALOG,
        ITEM_ID,
        Column("summary", TEXT, "what the item is about, in a sentence or two"),
        Column("themes", pa.list_(TEXT), "its themes, most important first"),
        Column("mood", TEXT, "its mood in a word or two; may be empty"),
        Column("audience", TEXT, "whom it is for; may be empty"),
        Column("keywords", pa.list_(TEXT), "its key phrases, most important first"),
        Column("aspects", TEXT, "JSON object: the catalog's aspects, each with a few words of the item"),
        CONFIDENCE,
        LABELER,
        FINGERPRINT,
    ),
    sorted_by=("item_id",),
    keys=(("item_id",),),
)
ITEM_GROUPS = Table(
    name="item_groups",
    grain="one row per active item that has a near-duplicate; items alone have no row",
    columns=(
        CATALOG,
        ITEM_ID,
        Column("group_id", TEXT, "the smallest item id of the group; the same for all of its items"),
        Column("n_items", pa.int64(), "how many items the group has", "items", 2),
    ),
    sorted_by=("item_id",),
    keys=(("item_id",),),
)
SIMILAR_ITEMS = Table(
    name="similar_items",
    grain="one row per active item and near item that was looked at, both ways round; at most 50 near items an item",
    columns=(
        CATALOG,
        ITEM_ID,
        Column("similar_item_id", TEXT, "the near item"),
        # Vectors are float32 of unit length: their product can be a rounding error above 1.
        Column("cosine", pa.float64(), "cosine of the two items' embeddings", "", -1.00001, 1.00001),
        Column("is_similar", pa.bool_(), "whether the two are near-duplicates"),
        CONFIDENCE,
        Column("labeler", TEXT, "who decided; `identical` where the two have the same content"),
    ),
    sorted_by=("item_id", "similar_item_id"),
    keys=(("item_id", "similar_item_id"),),
)
LABELS = Table(
    name="labels",
    grain="one row per user and item that were sampled and judged",
    columns=(
        CATALOG,
        USER_SPACE,
        USER_ID,
        ITEM_ID,
        Column(
            "relevance",
            pa.int32(),
            "0 would not care, 1 might glance, 2 would read, 3 would be delighted",
            "grade",
            0,
            3,
        ),
        CONFIDENCE,
        Column(
            "sampling_probability",
            pa.float64(),
            "chance that the pair was drawn; weight a row by its inverse for an unbiased mean",
            "probability",
            above=0,
            high=1,
        ),
        Column("stratum", TEXT, "the part of the sampling design that drew the pair: top:SOURCE, middle or rest"),
        LABELER,
        FINGERPRINT,
        REASON,
        Column("created_at", pa.timestamp("us", tz="UTC"), "when the label was given", "UTC"),
    ),
    sorted_by=("user_id", "item_id"),
    keys=(("user_id", "item_id"),),
)
METRICS = Table(
    name="metrics",
    grain="one row per ranker, slice, metric and cut-off",
    columns=(
        CATALOG,
        Column("ranker", TEXT, "what ranked: the trained ranker or a baseline"),
        Column(
            "slice",
            TEXT,
            "which part of the truth: `all`, `activity:…`, `topic:…` or `items:new`; filter by it",
            since="1.2.0",
        ),
        Column("metric", TEXT, "name of the metric: ndcg, precision, recall, map, mrr, coverage …"),
        Column("k", pa.int32(), "how many items of each list count; 0 where the metric has no cut-off", "items", 0),
        Column("value", pa.float64(), "mean over the test users; null if it could not be measured", nullable=True),
        Column("ci_low", pa.float64(), "lower end of the 95 % bootstrap interval", nullable=True),
        Column("ci_high", pa.float64(), "upper end of the 95 % bootstrap interval", nullable=True),
        Column("n_users", pa.int64(), "test users measured", "users", 0),
        AS_OF,
    ),
    sorted_by=("ranker", "slice", "metric", "k"),
    keys=(("ranker", "slice", "metric", "k"),),
)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (RECOMMENDATIONS, ITEM_TOPICS, ITEM_ENRICHMENTS, ITEM_GROUPS, SIMILAR_ITEMS, LABELS, METRICS)
}
