"""FEATURES: every column that the ranker sees, documented. `features` computes them."""

from __future__ import annotations

from tasks.ranking.feature import Feature
from tasks.ranking.overlap_features import OVERLAP_FEATURES
from tasks.ranking.profile_features import PROFILE_FEATURES
from tasks.ranking.query_features import QUERY_FEATURES
from tasks.ranking.source_features import SOURCE_FEATURES, SOURCES
from tasks.ranking.time_features import TIME_FEATURES

__all__ = ["DIRECTIONS", "FEATURES", "FEATURE_NAMES", "SOURCES", "Feature"]

FEATURES: tuple[Feature, ...] = (
    *SOURCE_FEATURES,
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
    Feature(
        "topic_lift",
        "log of how much more of the liked history than of the catalog's choices is in the item's topics, on average",
        "topic labels",
        "history and topics",
        1,
    ),
    Feature("category_lift", "the same of the item's categories", "items", "history and category", 1),
    *OVERLAP_FEATURES,
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
    *TIME_FEATURES,
    *PROFILE_FEATURES,
    *QUERY_FEATURES,
    Feature("has_profile", "1 if the user has a profile vector, else 0", "users", "always"),
)
FEATURE_NAMES: tuple[str, ...] = tuple(feature.name for feature in FEATURES)
DIRECTIONS: dict[str, int] = {feature.name: feature.direction for feature in FEATURES}
