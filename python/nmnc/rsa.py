"""Representational similarity: dissimilarity matrices, their comparison, noise ceilings. Names are rsatoolbox's.

Matrices are given and taken as upper triangles, row by row, [pairs] or [matrices, pairs], as of
`scipy.spatial.distance.squareform`.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmnc import _native
from nmnc.errors import ConfigError, DataError

__all__ = ["Ceiling", "ceiling", "compare", "rdm"]

METHODS = ("euclidean", "correlation", "cosine", "mahalanobis", "crossnobis")


class Ceiling(NamedTuple):
    """Bounds of the mean similarity with several subjects that their true model would reach (Nili et al. 2014)."""

    lower: float
    """Of each with the mean over the others: the true model may well exceed it."""
    upper: float
    """Of each with the mean over all: hardly any model exceeds it."""


def rdm(
    patterns: ArrayLike,
    method: str = "euclidean",
    descriptor: Optional[ArrayLike] = None,
    noise: Optional[ArrayLike] = None,
) -> NDArray[np.float64]:
    """Dissimilarities of all pairs of conditions.

    Parameters
    ----------
    patterns : array_like, shape (conditions, units), or (presentations, units) with `descriptor`
        Activity.
    method : {"euclidean", "correlation", "cosine", "mahalanobis", "crossnobis"}
        ``"euclidean"`` and ``"mahalanobis"`` are squared distances over the number of units; ``"crossnobis"`` is the
        cross-validated one, unbiased, over folds of the presentations of each condition.
    descriptor : array_like, shape (presentations,), optional
        The condition of each row. Conditions are in the order of `numpy.unique`; rows of one are averaged, but for
        ``"crossnobis"``.
    noise : array_like, shape (units, units), optional
        Inverse of the covariance of the noise (``"mahalanobis"`` and ``"crossnobis"``); the identity when left out.

    Returns
    -------
    ndarray, shape (pairs,)
        Upper triangle, row by row.

    Raises
    ------
    ConfigError
        If the method is unknown, or an argument has no meaning with it.
    DataError
        If there are fewer than three conditions, numbers are not finite, or patterns have no correlation.
    """
    if method not in METHODS:
        raise ConfigError(f"method: unknown value `{method}`; known: {', '.join(METHODS)}")
    values = np.asarray(patterns, dtype=np.float64)
    if values.ndim != 2:
        raise DataError(f"patterns: has shape {list(values.shape)}; give [conditions, units]")
    if noise is not None:
        if method not in ("mahalanobis", "crossnobis"):
            raise ConfigError(f"noise: has no meaning with method `{method}`; use mahalanobis or crossnobis")
        values = values @ _root(noise, values.shape[1])
    if method == "crossnobis" and descriptor is None:
        raise ConfigError("descriptor: is needed for `crossnobis`; give the condition of each row, two or more of each")
    if descriptor is not None:
        names, condition = np.unique(np.asarray(descriptor), return_inverse=True)
        condition = condition.reshape(-1)
        if len(condition) != len(values):
            raise ConfigError(f"descriptor: has {len(condition)} entries for {len(values)} rows; give one condition a row")
        if method == "crossnobis":
            return _native.crossnobis(values, condition.tolist(), len(names))
        counts = np.bincount(condition)[:, None]
        sums = np.zeros((len(names), values.shape[1]))
        np.add.at(sums, condition, values)
        values = sums / counts
    return _native.rdm(values, "euclidean" if method == "mahalanobis" else method)


def compare(rdm1: ArrayLike, rdm2: ArrayLike, method: str = "cosine") -> NDArray[np.float64]:
    """Similarity of every matrix of the first with every one of the second.

    Parameters
    ----------
    rdm1, rdm2 : array_like, shape (pairs,) or (matrices, pairs)
        Upper triangles, row by row, of the same conditions.
    method : {"cosine", "spearman", "corr", "tau-a", "corr_cov", "cosine_cov"}
        ``"corr"`` is Pearson's correlation; those with ``_cov`` are whitened by the covariance of dissimilarities that share
        conditions (Diedrichsen et al. 2021).

    Returns
    -------
    ndarray, shape (matrices of rdm1, matrices of rdm2)
        NaN where one does not vary.
    """
    return _native.compare(_matrices(rdm1), _matrices(rdm2), method)


def ceiling(rdms: ArrayLike, method: str = "cosine") -> Ceiling:
    """Bounds of the mean similarity with the matrices of several subjects that a true model reaches.

    Parameters
    ----------
    rdms : array_like, shape (subjects, pairs)
        Upper triangles, row by row.
    method : str
        As in `compare`.
    """
    return Ceiling(*_native.ceiling(_matrices(rdms), method))


def _matrices(given: ArrayLike) -> Any:
    values = np.asarray(given, dtype=np.float64)
    return values[None] if values.ndim == 1 else values


def _root(noise: ArrayLike, units: int) -> NDArray[np.float64]:
    """L with L L^T the given inverse covariance."""
    precision = np.asarray(noise, dtype=np.float64)
    mend = "give the inverse of a covariance, [units, units], symmetric and positive"
    if precision.shape != (units, units) or not np.allclose(precision, precision.T):
        raise DataError(f"noise: has shape {list(precision.shape)} or is not symmetric; {mend}")
    try:
        return np.asarray(np.linalg.cholesky(precision), dtype=np.float64)
    except np.linalg.LinAlgError:
        raise DataError(f"noise: is not positive definite; {mend}") from None
