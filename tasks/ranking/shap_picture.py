"""Why the ranker scores as it does: exact SHAP values of a sample of rows, summed up and drawn.

SHAP: Lundberg and Lee, "A Unified Approach to Interpreting Model Predictions", 2017. A value says by how much a feature
raised or lowered a row's score against the mean score; values of a row sum to the difference.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tasks.ranking.hashing import hash_pairs
from tasks.ranking.lambdamart import feature_matrix, predict_contributions
from tasks.ranking.model import TrainedRanker

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_ROWS = 2000
SHOWN = 15
MEANING = "SHAP value: by how much the feature raises (right) or lowers (left) the score"
GREY = "#9a9a9a"
LANES = 6
BINS = 60


@dataclass(frozen=True)
class Explanation:
    """SHAP values of sampled rows: values (rows, features) in units of the score, features (rows, features; NaN: none)."""

    names: tuple[str, ...]
    values: NDArray[np.float64]
    features: NDArray[np.float32]

    @property
    def strength(self) -> NDArray[np.float64]:
        """Mean absolute SHAP value of each feature."""
        return np.asarray(np.abs(self.values).mean(axis=0), dtype=np.float64)

    @property
    def direction(self) -> NDArray[np.float64]:
        """Correlation of each feature's value with its SHAP value, -1 to 1; 0 where either does not vary."""
        return np.array([_correlation(self.features[:, at], self.values[:, at]) for at in range(len(self.names))])

    def order(self) -> list[int]:
        """The features' places, strongest first, equal ones in their order; those that do nothing are left out."""
        strength = self.strength
        return [int(at) for at in np.argsort(-strength, kind="stable") if strength[at] > 0]


def explain_ranker(
    ranker: TrainedRanker, rows: pl.DataFrame, *, seed: int, max_rows: int = MAX_ROWS, n_threads: int = 1
) -> Explanation:
    """SHAP values of at most max_rows of the rows (user_id, item_id and features), chosen by hash.

    O(max_rows * trees * leaves * depth squared).
    """
    coins = pl.Series("coin", hash_pairs(rows["user_id"], rows["item_id"], seed=seed))
    sample = rows.with_columns(coins).sort("coin", "user_id", "item_id").head(max_rows)
    features = feature_matrix(sample, ranker.feature_names)
    values = predict_contributions(ranker.model_texts, features, n_threads=n_threads)[:, :-1]
    return Explanation(ranker.feature_names, values, features)


def draw_explanation(explanation: Explanation, *, title: str) -> bytes:
    """A PNG: for each of the SHOWN strongest features a swarm of rows, right of zero where the feature raised the score,
    coloured by the feature's value; its mean absolute SHAP value stands beside it. The same values give the same bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    shown = explanation.order()[:SHOWN]
    figure = Figure(figsize=(9.0, 1.9 + 0.38 * max(3, len(shown))), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axvline(0.0, color=GREY, linewidth=0.8, zorder=0)
    for line, place in enumerate(reversed(shown)):
        _draw_swarm(axes, line, explanation.values[:, place], explanation.features[:, place])
    strength = explanation.strength
    axes.set_yticks(range(len(shown)), [explanation.names[at] for at in reversed(shown)])
    axes.set_ylim(-0.7, len(shown) - 0.3)
    beside = axes.secondary_yaxis("right")
    beside.set_yticks(range(len(shown)), [f"{strength[at]:.3f}" for at in reversed(shown)])
    beside.tick_params(length=0, labelsize=8, labelcolor="#555555")
    axes.set_xlabel(
        "SHAP value: by how much the feature raises (right) or lowers (left) the score\nat the right: mean absolute value"
    )
    axes.set_title(title, loc="left", fontsize=10)
    axes.spines[["top", "right", "left"]].set_visible(False)
    beside.spines["right"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), "coolwarm"), ax=axes, shrink=0.5, aspect=25, pad=0.02)
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.set_label("the feature's value (grey: none)", fontsize=8)
    bar.outline.set_visible(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()


def _draw_swarm(axes: Axes, line: int, values: NDArray[np.float64], features: NDArray[np.float32]) -> None:
    """Rows as points around `line`: the more rows have about the same value, the higher they are stacked."""
    low, high = float(values.min()), float(values.max())
    bins = np.zeros(len(values), np.int64) if high <= low else ((values - low) / (high - low) * BINS).astype(np.int64)
    order = np.argsort(bins, kind="stable")
    counts = np.bincount(bins)
    within = np.empty(len(values), np.int64)
    within[order] = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    fullest = max(int(counts.max()), LANES)
    offset = (within - (counts[bins] - 1) / 2) / fullest * 0.8
    known = ~np.isnan(features)
    colours = _places(features[known])
    axes.scatter(values[~known], line + offset[~known], s=7, linewidths=0, color=GREY)
    axes.scatter(values[known], line + offset[known], s=7, linewidths=0, c=colours, cmap="coolwarm", vmin=0, vmax=1)


def _places(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Each value's place among all, 0 to 1; equal values share one."""
    if not len(values):
        return np.empty(0)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    return np.asarray(middle[inverse] / max(1, len(values) - 1), dtype=np.float64)


def _correlation(features: NDArray[np.float32], values: NDArray[np.float64]) -> float:
    known = ~np.isnan(features)
    a, b = features[known].astype(np.float64), values[known]
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
