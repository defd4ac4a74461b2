"""FEATURES: every column that the ranker sees, documented. `features` computes them."""

from __future__ import annotations

from dataclasses import dataclass

SOURCES = ("dense_profile", "dense_history", "bm25", "popularity", "collaborative")


@dataclass(frozen=True)
class Feature:
    """One column.

    source: where it comes from. known: when its value is known: "always", or what it needs (else NaN).
    direction: 1: a higher value never lowers the ranker's score, -1: never raises it, 0: free. Stated where anything
    else would be an accident of the sample, so that few users are enough to learn from.
    """

    name: str
    meaning: str
    source: str
    known: str
    direction: int = 0


def _source_features(source: str, needs: str) -> tuple[Feature, ...]:
    return (
        Feature(f"{source}_score", f"score of source {source}", "candidates", needs, 1),
        Feature(f"{source}_z", f"{source}_score less the user's mean, in standard deviations", "candidates", needs, 1),
        Feature(f"{source}_rank", f"place in the list of {source}, from 1", "candidates", "source found it", -1),
    )


FEATURES: tuple[Feature, ...] = (
    *_source_features("dense_profile", "user has a profile, item a vector"),
    *_source_features("dense_history", "user has a history, item a vector"),
    *_source_features("bm25", "user has a word that the catalog knows"),
    *_source_features("popularity", "always"),
    *_source_features("collaborative", "user has a history in this catalog"),
    Feature("fused_score", "weighted reciprocal ranks, summed; 0: no source found it", "candidates", "always", 1),
    Feature("fused_rank", "place in the fused list, from 1", "candidates", "for candidates", -1),
    Feature("n_sources", "how many sources found it", "candidates", "always", 1),
    Feature(
        "topic_affinity", "share of the liked history in the item's topics", "topic labels", "history and topics", 1
    ),
    Feature(
        "profile_topic_affinity",
        "nearness of the profile to the item's topics",
        "topic labels",
        "profile and topics",
        1,
    ),
    Feature(
        "category_affinity", "share of the liked history in the item's category", "items", "history and category", 1
    ),
    Feature("author_affinity", "share of the liked history by the item's author", "items", "history and author", 1),
    Feature("history_max_cosine", "cosine to the nearest liked history item", "embeddings", "history and vector", 1),
    Feature("history_mean_cosine", "mean cosine to the liked history items", "embeddings", "history and vector", 1),
    Feature("disliked_max_cosine", "cosine to the nearest disliked history item", "embeddings", "dislikes and vector"),
    Feature(
        "neighbour_recent", "similarity by co-choice to the newest liked items, summed", "interactions", "history", 1
    ),
    Feature("neighbour_recent_z", "the same, in the user's standard deviations", "interactions", "history", 1),
    Feature("neighbour_max", "similarity by co-choice to the nearest liked item", "interactions", "history", 1),
    Feature("neighbour_disliked", "similarity by co-choice to the disliked items, summed", "interactions", "dislikes"),
    Feature("popularity_log", "log(1 + popularity)", "interactions", "always"),
    Feature("popularity_percentile", "share of the catalog that is at most as popular", "interactions", "always"),
    Feature("interactions_log", "log(1 + number of interactions)", "interactions", "always"),
    Feature(
        "mean_value", "mean value of the item's interactions, drawn to the catalog's", "interactions", "values exist", 1
    ),
    Feature("popularity_gap", "popularity_log less the mean of the user's liked items", "interactions", "history"),
    Feature("age_days", "days between publication and as_of", "items", "published_at is known"),
    Feature("age_gap_days", "age less the mean age of the user's liked items", "items", "history and published_at"),
    Feature("text_log", "log(1 + characters of the item's text)", "items", "always"),
    Feature("label_confidence", "confidence of the item's first topic", "topic labels", "topics"),
    Feature("group_size", "items in the near-duplicate group", "similarity labels", "always"),
    Feature("history_log", "log(1 + history entries of the user)", "interactions", "always"),
    Feature("history_age_days", "age of the user's newest interaction", "interactions", "history"),
    Feature("has_profile", "1 if the user has a profile vector, else 0", "users", "always"),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
DIRECTIONS: dict[str, int] = {feature.name: feature.direction for feature in FEATURES}
