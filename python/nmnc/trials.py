"""Does trial-to-trial variability lie on the manifold of the condition means, and what would it teach?"""

from __future__ import annotations

import warnings as _warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmnc import _native
from nmnc.manifold import _count

__all__ = ["NoiseAlignment", "noise_alignment", "predicted_cosine"]

Table = dict[str, NDArray[np.float64]]
_PROBES = tuple(1 << power for power in range(13))


@dataclass(frozen=True)
class NoiseAlignment:
    """What `noise_alignment` found. Tables are dictionaries of columns, which `pandas.DataFrame` and `polars.DataFrame` take."""

    dim_: int
    """Signal components of the manifold."""
    curve: Table
    """By number of components ``dim``: ``alpha``, the fraction of the noise on them, with its standard error over conditions
    ``se``; ``chance`` d/n of a random subspace and ``chance_sd``; ``shuffled``, what variances of single units alone make (trials
    shuffled within conditions, unit by unit); ``shuffled_conditions``, what components of noise alone capture; ``plain``, without
    cross-validation; ``signal``, the fraction of the signal variance on the components in repeats that did not define them."""
    cosines: Table
    """By number of trials ``probes``: the predicted ``cosine`` between a row of a Jacobian on the manifold and its estimate by
    correlation with this noise, with its standard error ``se``; the same with isotropic noise ``on_manifold`` and of all units
    (``isotropic``)."""
    limit: float
    """The predicted cosine with any number of trials."""
    signal_variance: float
    """Variance of the condition means, all units together, without what noise adds."""
    signal_variance_se: Optional[float]
    """Its standard error over conditions."""
    noise_variance: float
    """Variance over the repeats of a condition, all units together."""
    noise_dimension: Optional[float]
    """Participation ratio of the covariance of the noise."""
    components_: NDArray[np.float64]
    """Signal components of all repeats, [components, units]."""
    conditions: int
    """Number of conditions."""
    repeats: tuple[int, int]
    """Fewest and most repeats of a condition."""
    missing: int
    """Trials that are missing."""
    without_gain: bool
    """Whether the gain of trials was taken out."""
    units: int
    """Number of units."""
    warnings: list[str]
    """What a reader should know."""

    @property
    def alpha(self) -> float:
        """Fraction of the noise on the manifold."""
        return self._at("alpha")

    @property
    def se(self) -> float:
        """Its standard error over conditions; not a number with fewer than three."""
        return self._at("se")

    @property
    def chance(self) -> float:
        """What a random subspace of as many dimensions has."""
        return self._at("chance")

    @property
    def shuffled(self) -> float:
        """What variances of single units alone make."""
        return self._at("shuffled")

    @property
    def signal(self) -> float:
        """Fraction of the signal variance on the manifold in repeats that did not define it."""
        return self._at("signal")

    def _at(self, column: str) -> float:
        return float(self.curve[column][self.dim_ - 1])


def noise_alignment(
    X: ArrayLike,
    dim: Union[int, float] = 0.9,
    *,
    probes: Sequence[int] = _PROBES,
    curve: int = 64,
    divisions: int = 10,
    groups: int = 20,
    remove_gain: bool = False,
    seed: int = 0,
) -> NoiseAlignment:
    """How much of trial-to-trial variability lies on the manifold of the condition means, cross-validated over repeats.

    Components are those of the signal covariance of one half of the repeats, freed of what noise adds to means; the variance of the
    noise along them is that of the other half. So neither sampling noise nor its error makes an alignment. docs/maths.md derives
    it, and the cosine that correlation with such noise would reach.

    Parameters
    ----------
    X : array_like, shape (conditions, repeats, units)
        Activity, such as spike counts. A trial of which every unit is NaN is missing; at least four of each condition must be
        there, independent of each other.
    dim : int or float
        Signal components that make the manifold: a number, or as many as capture this fraction of the signal variance that
        components capture at all.
    probes : sequence of int
        Numbers of trials whose cosine is predicted.
    curve : int
        Most components that are looked at.
    divisions : int
        Random divisions of the repeats into halves, each used both ways.
    groups : int
        Groups of conditions that the jackknife leaves out in turn.
    remove_gain : bool
        Take out the gain that all units have in common first: what of a trial's deviation from the mean of its condition lies along
        the mean over the other trials. Activity must be 0 where there is none, as rates and counts are, and not z-scored.
    seed : int
        Draws halves, groups and shuffles.

    Raises
    ------
    DataError
        If the shape is another, numbers are not finite, trials of a condition do not differ, or means differ no more than noise
        makes them.
    ConfigError
        If an argument is out of range, or ``dim`` more than the components that were found.

    Examples
    --------
    >>> import numpy as np, nmnc
    >>> rng = np.random.default_rng(0)
    >>> axes = np.linalg.qr(rng.normal(size=(50, 3)))[0].T
    >>> means = rng.normal(size=(40, 1, 3)) @ axes
    >>> noise = 0.5 * rng.normal(size=(40, 10, 3)) @ axes + 0.02 * rng.normal(size=(40, 10, 50))
    >>> found = nmnc.noise_alignment(means + noise, dim=3)
    >>> round(found.alpha, 1), found.chance
    (1.0, 0.06)
    """
    count = _count(dim)
    fraction = 0.0 if count is not None else float(dim)
    found = _native.noise_alignment(X, count, fraction, curve, list(probes), divisions, groups, bool(remove_gain), seed)
    for warning in found["warnings"]:
        _warnings.warn(warning, stacklevel=2)
    return NoiseAlignment(**found)


def predicted_cosine(covariance: ArrayLike, row: ArrayLike, probes: Sequence[int]) -> tuple[NDArray[np.float64], float]:
    """Expected cosine between a row of a Jacobian and its estimate by correlation with Gaussian noise of any covariance.

    Parameters
    ----------
    covariance : array_like, shape (units, units)
        Of the noise.
    row : array_like, shape (units,)
        The row j of the Jacobian.
    probes : sequence of int
        Numbers K of trials: the estimate is the mean of noise times its change of the output.

    Returns
    -------
    cosines : ndarray, shape (len(probes),)
        Too large by about 1/(4 K) of itself where noise has many dimensions.
    limit : float
        The cosine with any number of trials, 1 for isotropic noise.
    """
    cosines, limit = _native.predicted_cosine(covariance, row, list(probes))
    return np.array(cosines), limit
