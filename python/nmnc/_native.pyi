"""Native parts of the package."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Optional, Union, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "JacobianEstimator",
    "Network",
    "Probes",
    "__version__",
    "captured_energy",
    "ceiling",
    "citations",
    "compare",
    "crossnobis",
    "examples",
    "follow",
    "noise_alignment",
    "participation_ratio",
    "planned",
    "predicted_cosine",
    "principal_components",
    "rdm",
    "read_run",
    "rule_and_seed",
    "train",
    "two_nn",
]

_Path = Union[str, os.PathLike[str]]

__version__: str

@final
class Probes:
    """Perturbations of an activity, to be answered by what they change in the output.

    Made by `JacobianEstimator.ask`. Parts are taken as of a list: ``probes[3]``, ``probes[2:5]``, ``probes[[4, 1]]``.
    """

    @property
    def values(self) -> NDArray[np.float32]:
        """The perturbations themselves, [count, units], to be added to the activity."""
    @property
    def numbers(self) -> NDArray[np.int64]:
        """Their numbers, [count], counted over the life of the estimator."""
    def __len__(self) -> int: ...
    def __getitem__(self, key: Union[int, slice, Sequence[int]], /) -> Probes: ...

class JacobianEstimator:
    def __new__(
        cls,
        units: int,
        outputs: int,
        dim: Optional[Union[int, float]] = None,
        *,
        seed: int = 0,
        index: int = 0,
        estimator: str = "recursive",
        eta: Optional[float] = None,
        forgetting: float = 1.0,
        ridge: float = 1e-3,
        exponent: Optional[float] = None,
        rest: Optional[float] = None,
        aimed: bool = False,
        noise: str = "gaussian",
        sigma: float = 0.1,
        antithetic: bool = False,
        method: Optional[str] = None,
        manifold_forgetting: Optional[float] = None,
    ) -> JacobianEstimator: ...
    def partial_fit(self, activity: ArrayLike) -> JacobianEstimator:
        """Follows the components and the size of ``activity`` [samples, units]. Returns the estimator.

        Raises `DivergedError` if it is not finite; warns if it does not vary.
        """
    def ask(self, count: int, activity: Optional[ArrayLike] = None) -> Probes:
        """``count`` new perturbations, of a size that follows ``activity`` [any, units] or that of the last `partial_fit`.

        A perturbation is a function of seed, index, number and components alone, and where it is aimed of the answers so far.
        """
    def tell(self, probes: Probes, changes: ArrayLike) -> int:
        """Learns from ``changes`` [count, outputs], f(x + xi) - f(x) for each probe; the number of answers that were used.

        Rows that are None or not finite are dropped, and counted in ``dropped_``.
        """
    def observe(self, activity: ArrayLike, outputs: ArrayLike, ridge: float = 1.0) -> None:
        """Learns from how ``activity`` [count, units] and ``outputs`` [count, outputs] differ by themselves, perturbing nothing.

        A step of ridge regression of outputs on activity, from what is known: ``ridge`` is added to the Gram matrix over its mean
        diagonal, and the larger it is, the more calls the estimate is learned from. Right where the output depends on the activity
        alone; what else moves both passes for an effect of the activity, which perturbations do not suffer from. ``error_`` counts
        answers to perturbations alone.
        """
    def signal(self, e: ArrayLike) -> NDArray[np.float32]:
        """Error signals e B [batch, units], the estimate of dLoss/dx, for errors e = dLoss/dy [batch, outputs]."""
    def suggest_probes(self, target_error: float) -> int:
        """Further probes, told at once, until ``error_`` is expected to be ``target_error`` or less.

        Raises `ConfigError` if no number suffices (an average or a small ``eta`` does not get there in one update).
        """
    @property
    def jacobian_(self) -> NDArray[np.float32]: ...
    @property
    def error_(self) -> Optional[float]: ...
    @property
    def residual_(self) -> Optional[float]: ...
    @property
    def components_(self) -> Optional[NDArray[np.float32]]: ...
    @property
    def dim_(self) -> Optional[int]: ...
    @property
    def probes_(self) -> int: ...
    @property
    def dropped_(self) -> int: ...
    @property
    def units(self) -> int: ...
    @property
    def outputs(self) -> int: ...
    def _state(self) -> dict[str, Any]: ...
    def _restore(self, given: dict[str, Any]) -> None: ...

def principal_components(
    x: ArrayLike, count: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """At most ``count`` components [components, units] of ``x`` [samples, units], all known variances, their total."""

def follow(
    known: Optional[dict[str, Any]], x: ArrayLike, count: int, forgetting: float
) -> tuple[dict[str, Any], NDArray[np.float32], list[float], float]:
    """What is known after a batch: the state, components [components, units], their variances, the total variance."""

def participation_ratio(x: ArrayLike) -> Optional[tuple[float, Optional[float]]]:
    """The participation ratio, plain and corrected."""

def two_nn(x: ArrayLike, points: int, seed: int) -> tuple[float, float, float, float]:
    """TwoNN: value, standard error, ends of the 95 % interval."""

def captured_energy(
    jacobian: ArrayLike, components: ArrayLike, center_outputs: bool, draws: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Columns of `nmnc.CapturedEnergy`."""

def noise_alignment(
    x: ArrayLike,
    count: Optional[int],
    fraction: float,
    curve: int,
    probes: Sequence[int],
    divisions: int,
    groups: int,
    remove_gain: bool,
    seed: int,
) -> dict[str, Any]:
    """Fields of `nmnc.NoiseAlignment`."""

def predicted_cosine(covariance: ArrayLike, row: ArrayLike, probes: Sequence[int]) -> tuple[list[float], float]:
    """Cosines by number of trials, and their limit."""

def rdm(patterns: ArrayLike, method: str) -> NDArray[np.float64]:
    """Upper triangle of the dissimilarities of patterns [conditions, units]."""

def crossnobis(presentations: ArrayLike, stimulus_of: Sequence[int], stimuli: int) -> NDArray[np.float64]:
    """Upper triangle of the cross-validated dissimilarities of presentations [presentations, units]."""

def compare(first: ArrayLike, second: ArrayLike, method: str) -> NDArray[np.float64]:
    """Similarities [first, second] of upper triangles [matrices, pairs]."""

def ceiling(rdms: ArrayLike, method: str) -> tuple[float, float]:
    """Lower and upper bound."""

class Network:
    def __new__(cls, run: _Path, checkpoint: _Path) -> Network: ...
    @property
    def input_shape(self) -> list[int]: ...
    @property
    def outputs(self) -> int: ...
    @property
    def stages(self) -> dict[str, int]: ...
    @property
    def step(self) -> int: ...
    @property
    def recurrent(self) -> bool: ...
    @property
    def origin(self) -> str:
        """Where the weights are from, a path."""
    def state_dict(self) -> dict[str, NDArray[np.float32]]:
        """Copies of all parameters and buffers by name, in the shapes of PyTorch's layers."""
    def _output(self, x: NDArray[np.float32], batch: int) -> NDArray[np.float32]: ...
    def _activities(self, x: NDArray[np.float32], batch: int) -> dict[str, NDArray[np.float32]]: ...
    def _parameter_names(self) -> list[str]: ...
    def _load(self, arrays: dict[str, NDArray[np.float32]]) -> None: ...
    def _save(self, path: _Path) -> None: ...
    def _read(self, path: _Path) -> None: ...

def train(
    config: dict[str, Any],
    out: _Path,
    resume: bool,
    wait: bool,
    watch: Optional[Callable[[int, int, float, float], object]],
) -> None: ...
def rule_and_seed(config: dict[str, Any]) -> tuple[str, int]: ...
def planned(config: dict[str, Any], rules: Sequence[str], seeds: int) -> list[tuple[str, str]]: ...
def read_run(path: _Path) -> dict[str, Any]: ...
def citations(path: _Path) -> list[tuple[str, str, list[str]]]: ...
def examples(path: _Path, count: int, train: bool) -> tuple[NDArray[np.float32], NDArray[Any]]: ...
