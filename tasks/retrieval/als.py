"""Matrix factorization for implicit feedback by alternating least squares, with users folded in from their histories.

Source: Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy import sparse
from threadpoolctl import threadpool_limits

from tasks.retrieval.item_index import FloatMatrix, FloatVector, IntVector

REGULARIZATION = 100.0
CONFIDENCE = 20.0
"""Confidence of a choice of weight 1; that of what a user did not choose is 1."""
ITERATIONS = 15
SEED = 7


@dataclass(frozen=True)
class Als:
    """items (m,): positions of the items that the model knows, ascending. factors (m, f). gram (f, f): of the factors."""

    items: IntVector
    factors: FloatMatrix
    gram: FloatVector

    def score(self, histories: sparse.csr_matrix) -> FloatMatrix:
        """(u, m): scores of the known items for histories (u, n) of any users, also such as came after the fit.

        A user's factors solve the same equation as in the fit. O(u f^3 + history entries * f^2 + u m f) time.
        """
        known = histories[:, self.items].tocsr()
        users = np.zeros((known.shape[0], self.factors.shape[1]))
        for user in range(known.shape[0]):
            part = slice(known.indptr[user], known.indptr[user + 1])
            if part.stop > part.start:
                users[user] = self._fold_in(known.indices[part].astype(np.int64), known.data[part])
        return np.asarray(users.astype(np.float32) @ self.factors.T, dtype=np.float32)

    def _fold_in(self, items: IntVector, weights: FloatMatrix) -> FloatVector:
        chosen = self.factors[items].astype(np.float64)
        confidence = CONFIDENCE * weights.astype(np.float64)
        left = self.gram + chosen.T @ ((confidence - 1.0)[:, None] * chosen)
        left[np.diag_indices(len(left))] += REGULARIZATION
        return np.asarray(np.linalg.solve(left, confidence @ chosen))


def fit_als(choices: sparse.csr_matrix, *, factors: int) -> Als:
    """The model of choices (users, n) with weights > 0. Seeded and single-threaded: the same input, the same factors.

    O(iterations * (entries * f^2 + (users + m) f^3)) time; memory (users + m) f 32-bit floats. Fitting is the one place
    whose memory grows with the users of the catalog.
    """
    items = np.flatnonzero(np.asarray(choices.sum(axis=0)).ravel() > 0).astype(np.int64)
    # implicit warns while BLAS has more than one thread, and sums of several threads differ from run to run.
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=factors,
            regularization=REGULARIZATION,
            alpha=CONFIDENCE,
            iterations=ITERATIONS,
            num_threads=1,
            random_state=SEED,
        )
        model.fit(choices[:, items].tocsr(), show_progress=False)
    fitted = np.asarray(model.item_factors, dtype=np.float32)
    return Als(items, fitted, fitted.T.astype(np.float64) @ fitted.astype(np.float64))
