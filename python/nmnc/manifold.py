"""Manifolds of activity: principal components, dimension, and the energy of Jacobians on them."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmnc import _native
from nmnc.errors import ConfigError, DataError

__all__ = ["CapturedEnergy", "Estimate", "Manifold", "captured_energy", "participation_ratio", "two_nn"]


class Estimate(NamedTuple):
    """A number with its uncertainty."""

    value: float
    """The estimate."""
    standard_error: float
    """Standard error by the delete-half jackknife."""
    interval: tuple[float, float]
    """Ends of the 95 % interval."""


class CapturedEnergy(NamedTuple):
    """Energy of a Jacobian on the first d = 1, 2, ... components, and controls; each an array of as many numbers as components."""

    alpha: NDArray[np.float64]
    """||J U_d||^2 / ||J||^2."""
    chance: NDArray[np.float64]
    """What a random subspace has in expectation: d / n."""
    chance_sd: NDArray[np.float64]
    """Standard deviation over random subspaces, in closed form."""
    random_mean: NDArray[np.float64]
    """Mean over random subspaces drawn."""
    random_sd: NDArray[np.float64]
    """Standard deviation over them."""


class Manifold:
    """The subspace of the leading principal components of activity, in scikit-learn's manner.

    Attributes and results are those of `sklearn.decomposition.PCA` with ``n_components=dim``.

    Parameters
    ----------
    dim : int or float
        Number of components, or the fraction of variance, above 0 and below 1, that they explain at least.
    forgetting : float
        Weight that earlier batches keep at each `partial_fit`, in (0, 1]; 1 forgets nothing.
    seed : int
        Seed of the randomized range finder, which finds the components where samples and units are both more than 2048.

    Attributes
    ----------
    components_ : ndarray, shape (n_components_, n_features_in_)
        Orthonormal rows, largest variance first; the largest entry of each in magnitude is positive.
    explained_variance_ : ndarray, shape (n_components_,)
        Variance along each (denominator samples - 1).
    explained_variance_ratio_ : ndarray, shape (n_components_,)
        Fraction of the variance of all units together.
    singular_values_ : ndarray, shape (n_components_,)
        Root of the variance times (samples - 1).
    mean_ : ndarray, shape (n_features_in_,)
        Mean of each unit.
    n_components_, n_features_in_ : int
        Components and units.
    n_samples_seen_ : float
        Samples that count; with ``forgetting < 1`` the sum of their weights.

    Notes
    -----
    Components are found in double and kept to single precision; those of `partial_fit` are found in single precision, and those
    with less than 1e-6 of the largest variance are left out.

    Examples
    --------
    >>> import numpy as np, nmnc
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 40)) + 0.01 * rng.normal(size=(200, 40))
    >>> manifold = nmnc.Manifold(dim=0.99).fit(X)
    >>> manifold.transform(X).shape
    (200, 3)
    """

    components_: NDArray[np.float64]
    explained_variance_: NDArray[np.float64]
    explained_variance_ratio_: NDArray[np.float64]
    singular_values_: NDArray[np.float64]
    mean_: NDArray[np.float64]
    n_components_: int
    n_features_in_: int
    n_samples_seen_: float

    def __init__(self, dim: Union[int, float] = 0.9, *, forgetting: float = 1.0, seed: int = 0) -> None:
        self.dim = dim
        self.forgetting = forgetting
        self.seed = seed

    def fit(self, X: ArrayLike, y: Any = None) -> Manifold:
        """Finds the components of X [samples, units]; what was known is forgotten. Returns the manifold.

        Raises `DataError` if X is not finite or has fewer than two samples, `ConfigError` if it has fewer directions than ``dim``.
        """
        X = _samples(X)
        samples, units = X.shape
        most = min(samples, units)
        count = _count(self.dim)
        if count is not None and count > most:
            raise ConfigError(f"dim: {count} components of {samples} samples of {units} units; give at most {most}")
        components, variances, total = _native.principal_components(X, count or most, self.seed)
        if count is None:
            explained = np.cumsum(variances) / total if total > 0 else np.ones(1)
            count = int(np.searchsorted(explained, self.dim, side="right")) + 1
        self._known: Optional[dict[str, Any]] = None
        self.n_samples_seen_ = float(samples)
        self.mean_ = X.mean(axis=0, dtype=np.float64)
        self._keep(components[:count], variances, total)
        return self

    def partial_fit(self, X: ArrayLike, y: Any = None) -> Manifold:
        """Takes in a batch X [samples, units] beside all before it. Returns the manifold.

        There are fewer components than ``dim`` until as many directions have been seen. Raises `ConfigError` if ``dim`` is a
        fraction of variance: how much there is of that is known only at the end.
        """
        X = _samples(X)
        count = _count(self.dim)
        if count is None:
            raise ConfigError("dim: a fraction of variance cannot be followed from batch to batch; give a number of components")
        known = getattr(self, "_known", None)
        if known is not None and X.shape[1] != self.n_features_in_:
            raise DataError(f"X: has {X.shape[1]} units, earlier batches {self.n_features_in_}; give the same units")
        self._known, components, variances, total = _native.follow(known, X, count, self.forgetting)
        old = 0.0 if known is None else self.forgetting * self.n_samples_seen_
        mean = X.mean(axis=0, dtype=np.float64)
        self.n_samples_seen_ = old + X.shape[0]
        self.mean_ = mean if known is None else (old * self.mean_ + X.shape[0] * mean) / self.n_samples_seen_
        self._keep(components.astype(np.float64), np.asarray(variances), total)
        return self

    def _keep(self, components: NDArray[np.float64], variances: NDArray[np.float64], total: float) -> None:
        count = len(components)
        largest = np.take_along_axis(components, np.abs(components).argmax(axis=1, keepdims=True), axis=1)
        self.components_ = components * np.where(largest < 0, -1.0, 1.0)
        self.explained_variance_ = np.array(variances[:count], dtype=np.float64)
        self.explained_variance_ratio_ = self.explained_variance_ / (total or 1.0)
        self.singular_values_ = np.sqrt(self.explained_variance_ * max(self.n_samples_seen_ - 1, 1))
        self.n_components_, self.n_features_in_ = count, components.shape[1]

    def transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Coordinates [samples, n_components_] of X [samples, units]."""
        return (self._fitted(X, "n_features_in_") - self.mean_) @ self.components_.T

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Points [samples, units] on the manifold with the coordinates X [samples, n_components_]."""
        return self._fitted(X, "n_components_") @ self.components_ + self.mean_

    def fit_transform(self, X: ArrayLike, y: Any = None) -> NDArray[np.float64]:
        """`fit`, then `transform` of the same."""
        return self.fit(X).transform(X)

    def _fitted(self, X: ArrayLike, columns: str) -> NDArray[np.float64]:
        if not hasattr(self, "components_"):
            raise ConfigError("Manifold: has seen no activity; call fit or partial_fit first")
        X = _samples(X)
        if X.shape[1] != getattr(self, columns):
            raise DataError(f"X: has {X.shape[1]} columns; give {getattr(self, columns)}")
        return X

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name."""
        return {name: getattr(self, name) for name in _PARAMETERS}

    def set_params(self, **params: Any) -> Manifold:
        """Sets parameters by name. Returns the manifold."""
        for name, value in params.items():
            if name not in _PARAMETERS:
                raise ConfigError(f"{name}: is no parameter of Manifold; known: {', '.join(_PARAMETERS)}")
            setattr(self, name, value)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "components_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(),
            input_tags=InputTags(),
        )

    def __repr__(self) -> str:
        return f"Manifold({', '.join(f'{name}={getattr(self, name)!r}' for name in _PARAMETERS)})"


_PARAMETERS = tuple(inspect.signature(Manifold).parameters)


def _samples(X: ArrayLike) -> NDArray[Any]:
    """Activity [samples, units] as an array of floats."""
    if hasattr(X, "detach"):
        X = X.detach().double().cpu()
    try:
        array = np.asarray(X)
        array = array if array.dtype in (np.float32, np.float64) else array.astype(np.float64, casting="same_kind")
    except (TypeError, ValueError) as error:
        raise DataError(f"X: cannot be read as numbers: {error}; give an array of real numbers") from None
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"X: has shape {list(array.shape)}; give [samples, units]")
    return array


def _count(dim: Union[int, float]) -> Optional[int]:
    """A number of components; None for a fraction of variance."""
    if isinstance(dim, (int, np.integer)) and not isinstance(dim, bool) and dim >= 1:
        return int(dim)
    if isinstance(dim, (float, np.floating)) and 0 < dim < 1:
        return None
    raise ConfigError(f"dim: {dim!r} is no dimension; give a number of components, or a fraction of variance between 0 and 1")


def participation_ratio(X: ArrayLike, *, corrected: bool = True) -> float:
    """Participation ratio (tr C)^2 / tr C^2 of the covariance C of activity.

    Parameters
    ----------
    X : array_like, shape (samples, units)
    corrected : bool
        From unbiased estimates of (tr C)^2 and tr C^2 (Himeno and Yamada 2014); otherwise that of the sample covariance, which few
        samples make too small.

    Raises
    ------
    DataError
        If X does not vary or, corrected, has fewer than four samples or no more variance than errors make.
    """
    found = _native.participation_ratio(X)
    if found is None:
        raise DataError("X: does not vary, so it has no dimension; give activity that varies")
    plain, unbiased = found
    if not corrected:
        return plain
    if unbiased is None:
        raise DataError("X: has too few samples for an unbiased estimate; give more, or corrected=False")
    return unbiased


def two_nn(X: ArrayLike, *, points: int = 10_000, seed: int = 0) -> Estimate:
    """Intrinsic dimension from the distances to two neighbors (TwoNN, Facco et al. 2017).

    Parameters
    ----------
    X : array_like, shape (samples, units)
    points : int
        The most samples that are looked at, drawn by `seed`; the work grows with their square.
    seed : int
        Draws samples and the halves of the jackknife.

    Raises
    ------
    DataError
        If fewer than 20 points are in different places, or most are equally far from their two nearest, as values on a grid are.
    """
    value, error, low, high = _native.two_nn(X, points, seed)
    return Estimate(value, error, (low, high))


def captured_energy(
    J: ArrayLike, U: Union[ArrayLike, Manifold], *, center_outputs: bool = False, draws: int = 100, seed: int = 0
) -> CapturedEnergy:
    """Fraction of the energy of a Jacobian on the leading components, beside that on random subspaces.

    Parameters
    ----------
    J : array_like, shape (outputs, units) or (samples, outputs, units)
        dy/dx; of several samples the energies are summed.
    U : Manifold or array_like, shape (components, units)
        Orthonormal rows, such as ``components_``.
    center_outputs : bool
        Takes the mean over outputs from J, which a softmax does not see.
    draws : int
        Random subspaces to draw.
    seed : int
        Draws them.

    Examples
    --------
    >>> import numpy as np, nmnc
    >>> found = nmnc.captured_energy(np.eye(5)[:2], np.eye(5)[:3])
    >>> found.alpha.tolist(), found.chance.tolist()
    ([0.5, 1.0, 1.0], [0.2, 0.4, 0.6])
    """
    axes = U.components_ if isinstance(U, Manifold) else U
    return CapturedEnergy(**_native.captured_energy(J, axes, center_outputs, draws, seed))
