"""LambdaMART on workers: LightGBM's DaskLGBMRanker over parts of whole queries, for more rows than one machine should hold.

Each worker builds its histograms from its own rows, and they are added up (LightGBM's data-parallel learner), so what
travels is histograms, not rows. A query lies in one part and a part on one worker: no query is cut. There is no early
stopping here: DaskLGBMRanker measures each worker's share of the validation rows by itself, and with unequal shares the
workers disagree about the best round; so the number of trees is what a fit of a sample with early stopping has found
(see train_ranker), which also settles the parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tasks.contracts.errors import TransientError
from tasks.ranking.lambdamart import Fit, Parameters, describe_fit, with_gains

if TYPE_CHECKING:
    import distributed

SOCKET_MINUTES = 10
NAMES: Mapping[str, str] = {
    "lambda_l1": "reg_alpha",
    "lambda_l2": "reg_lambda",
    "feature_fraction": "colsample_bytree",
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "min_data_in_leaf": "min_child_samples",
    "seed": "random_state",
}
"""As scikit-learn's wrapper calls LightGBM's parameters: its own defaults would stand beside ours otherwise."""
NOT_OF_A_FIT = ("metric", "eval_at", "num_threads")


@dataclass(frozen=True)
class TrainingRows:
    """Rows of whole queries: values (r, f), NaN unknown; grades, weights (r,); sizes (q,) of the queries, adding up to r."""

    values: NDArray[np.float32]
    grades: NDArray[np.float32]
    weights: NDArray[np.float32]
    sizes: NDArray[np.int64]


@dataclass(frozen=True)
class PartOfRows:
    """Where a part lies (for `load`), and how many rows, queries and users it holds."""

    where: Mapping[str, str]
    n_rows: int
    n_queries: int
    n_users: int


def fit_on_workers(
    client: distributed.Client,
    parts: Sequence[PartOfRows],
    load: Callable[[Mapping[str, str]], TrainingRows],
    *,
    params: Parameters,
    n_trees: int,
    max_grade: int,
    feature_names: tuple[str, ...],
) -> Fit:
    """So many trees from all parts. load is a module's function: it runs on the workers, which reach one another's ports.

    Raises TransientError where a worker is lost meanwhile. O(n_trees * rows * features / workers); a worker holds the rows of
    its parts.
    """
    from lightgbm import DaskLGBMRanker

    values, grades, weights, sizes = _as_arrays(parts, load, n_features=len(feature_names))
    kept = {name: value for name, value in with_gains(params, max_grade).items() if name not in NOT_OF_A_FIT}
    named = {NAMES.get(name, name): value for name, value in kept.items()}
    ranker = DaskLGBMRanker(client=client, n_estimators=n_trees, time_out=SOCKET_MINUTES, **named)
    try:
        # LightGBM waits by functions that ask for the current client.
        with client.as_current(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Parameter n_jobs will be ignored")
            ranker.fit(values, grades, group=sizes, sample_weight=weights)
    except Exception as error:
        raise TransientError(
            f"training on the workers ended with {type(error).__name__}: {error}; see that workers reach one another's ports,"
            " and run `nightjar train` again"
        ) from error
    return describe_fit(ranker.booster_, n_trees, feature_names=feature_names)


def _as_arrays(
    parts: Sequence[PartOfRows], load: Callable[[Mapping[str, str]], TrainingRows], *, n_features: int
) -> tuple[Any, Any, Any, Any]:
    """Dask arrays of one chunk a part: values, grades, weights, sizes."""
    import dask.array
    from dask.delayed import delayed

    loaded = [delayed(load, pure=False)(dict(part.where)) for part in parts]

    def gather(name: str, shapes: Sequence[tuple[int, ...]], kind: type) -> Any:
        chunks = [
            dask.array.from_delayed(getattr(one, name), shape=shape, dtype=kind)
            for one, shape in zip(loaded, shapes, strict=True)
        ]
        return dask.array.concatenate(chunks)

    rows = [(part.n_rows,) for part in parts]
    return (
        gather("values", [(part.n_rows, n_features) for part in parts], np.float32),
        gather("grades", rows, np.float32),
        gather("weights", rows, np.float32),
        gather("sizes", [(part.n_queries,) for part in parts], np.int64),
    )
