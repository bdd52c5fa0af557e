"""Where a stage's error signal comes from."""

from __future__ import annotations

import copy
import math
from typing import Any, Optional, Protocol

import numpy as np
import torch
from torch import Tensor

from nmnc import JacobianEstimator

from ._arrays import as_arrays, as_tensors
from ._settings import Settings

# Activity below which numbers of single precision cannot hold the noise.
SILENT = 1e-30


class Source(Protocol):
    """What makes the signals of one stage."""

    def signal(self, error: Tensor) -> Tensor:
        """The signal `[batch, n]` of output errors `[batch, outputs]`, both in single precision."""

    def state(self) -> Optional[dict[str, Any]]:
        """What the next step depends on; nothing where that follows from the seed."""

    def restore(self, state: Optional[dict[str, Any]]) -> None:
        """Takes back what `state` gave."""


class Probed:
    """What learns from perturbed passes: the asking is common to all."""

    def __init__(self, units: int, outputs: int, arguments: dict[str, Any]) -> None:
        self.estimator = JacobianEstimator(units, outputs, **arguments)
        self._on_manifold = arguments["dim"] is not None

    def follow(self, activity: np.ndarray) -> None:
        """Follows the manifold in the activity `[batch, n]`."""
        if self._on_manifold:
            self.estimator.partial_fit(activity)

    def ask(self, count: int, activity: np.ndarray) -> Any:
        """Perturbations of `activity`; nothing where it is zero or does not vary, so that there is nothing to perturb."""
        nowhere = self._on_manifold and self.estimator.components_ is None
        return None if nowhere or np.abs(activity).max() < SILENT else self.estimator.ask(count, activity)

    def state(self) -> Optional[dict[str, Any]]:
        return as_tensors(self.estimator.state())

    def restore(self, state: Optional[dict[str, Any]]) -> None:
        self.estimator.restore(as_arrays(state))


class Correlated(Probed):
    """Feedback weights B `[outputs, n]` that are learned by noise correlation; the signal is e B."""

    _feedback: Optional[Tensor] = None

    def tell(self, probes: Any, changes: np.ndarray, _activity: np.ndarray) -> None:
        """Learns from changes `[probes, outputs]` of the output."""
        self.estimator.tell(probes, changes)
        self._feedback = None

    def restore(self, state: Optional[dict[str, Any]]) -> None:
        super().restore(state)
        self._feedback = None

    def feedback(self, device: torch.device) -> Tensor:
        """B, kept where signals are wanted."""
        if self._feedback is None or self._feedback.device != device:
            self._feedback = torch.from_numpy(np.array(self.estimator.jacobian_)).to(device)
        return self._feedback

    def signal(self, error: Tensor) -> Tensor:
        return error @ self.feedback(error.device)


class Memoryless(Probed):
    """The signal is the mean over an example's own probes of (e . dy) xi / sigma^2, sigma the deviation of one coordinate."""

    def __init__(self, units: int, outputs: int, arguments: dict[str, Any]) -> None:
        super().__init__(units, outputs, arguments)
        self._sigma = arguments["sigma"]
        self._answers: Optional[tuple[np.ndarray, np.ndarray]] = None

    def copy(self) -> Memoryless:
        """One that asks the same next, of its own."""
        other = copy.copy(self)
        other.estimator = copy.deepcopy(self.estimator)
        return other

    def tell(self, probes: Any, changes: np.ndarray, activity: np.ndarray) -> None:
        """Keeps the answers until the signal is asked for."""
        norm = float(np.mean(np.sqrt(np.einsum("bn,bn->b", activity, activity, dtype=np.float64))))
        variance = self._sigma**2 * norm**2 / activity.shape[1]
        self._answers = probes.values / np.float32(variance), changes

    def signal(self, error: Tensor) -> Tensor:
        if self._answers is None:
            return error.new_zeros(error.shape[0], 1)
        noise, changes = (torch.from_numpy(part).to(error.device) for part in self._answers)
        self._answers = None
        count = len(noise) // len(error)
        scores = (error.repeat(count, 1) * changes).sum(1, keepdim=True)
        return (scores * noise).reshape(count, len(error), -1).mean(0)


class RandomFeedback:
    """Fixed feedback weights `[outputs, n]`, normal with variance 1 / n; they follow from the seed."""

    def __init__(self, units: int, outputs: int, seed: int, index: int) -> None:
        drawn = np.random.default_rng([seed, index]).normal(size=(outputs, units)) / math.sqrt(units)
        self._feedback = torch.from_numpy(drawn.astype(np.float32))

    def feedback(self, device: torch.device) -> Tensor:
        """B, kept where signals are wanted."""
        self._feedback = self._feedback.to(device)
        return self._feedback

    def signal(self, error: Tensor) -> Tensor:
        return error @ self.feedback(error.device)

    def state(self) -> Optional[dict[str, Any]]:
        return None

    def restore(self, state: Optional[dict[str, Any]]) -> None:
        assert state is None


def source_of(settings: Settings, index: int, units: int, outputs: int) -> Source:
    """What makes the signals of stage `index`, of `units` units."""
    if settings.method == "dfa":
        return RandomFeedback(units, outputs, settings.seed, index)
    kind = Memoryless if settings.method == "node-perturbation" else Correlated
    return kind(units, outputs, settings.of_estimator(index, units))
