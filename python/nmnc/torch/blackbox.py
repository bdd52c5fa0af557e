"""A function without derivatives as a part of a PyTorch model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nmnc import JacobianEstimator

from ._arrays import as_arrays, as_tensors, rows
from ._refusals import refuse


class BlackBox(nn.Module):
    """A function y = f(x) that an error passes as e B, B what an estimator knows of dy/dx. See `black_box`.

    `state_dict` carries the estimator and the number of calls.

    Attributes
    ----------
    estimator
        What knows B.
    calls
        Forward passes in training mode.
    """

    def __init__(self, f: Callable[[np.ndarray], Any], est: JacobianEstimator, interval: int) -> None:
        super().__init__()
        if interval < 1:
            raise refuse("interval", f"{interval} is too small", "give at least 1")
        self._f, self._interval = f, interval
        self.estimator, self.calls = est, 0

    def forward(self, x: Tensor) -> Tensor:
        """f of every row: `[batch, n]` to `[batch, outputs]`, of the type and device of `x`."""
        if x.dim() != 2:
            raise refuse("x", f"has shape {list(x.shape)}", "give [batch, n]")
        activity = rows(x)
        y = self._answer(activity)
        if self.training:
            if self.calls % self._interval == 0 and activity.any():
                self._learn(activity, y)
            self.calls += 1
        return _Passed.apply(x, torch.from_numpy(y), self)

    def _answer(self, x: np.ndarray) -> np.ndarray:
        given = self._f(x)
        given = given.detach().cpu().numpy() if isinstance(given, Tensor) else np.asarray(given)
        if given.ndim != 2 or len(given) != len(x):
            raise refuse("f", f"gives an array of shape {list(given.shape)} for {len(x)} rows", "return [batch, outputs]")
        return np.ascontiguousarray(given, np.float32)

    def _learn(self, x: np.ndarray, y: np.ndarray) -> None:
        self.estimator.partial_fit(x)
        probes = self.estimator.ask(len(x), x)
        change = self._answer(x + probes.values) - y
        if self.estimator._arguments["antithetic"]:
            change = (change - (self._answer(x - probes.values) - y)) / 2
        self.estimator.tell(probes, change)

    def get_extra_state(self) -> dict[str, Any]:
        """The estimator and the number of calls."""
        return {"estimator": as_tensors(self.estimator.state()), "calls": self.calls}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Takes back what `get_extra_state` gave."""
        self.estimator.restore(as_arrays(state["estimator"]))
        self.calls = int(state["calls"])


class _Passed(torch.autograd.Function):
    """Hands y on, and e B back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor, box: BlackBox) -> Tensor:
        ctx.box, ctx.like = box, x.new_empty(0)
        return y.to(x)

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> tuple[Tensor, None, None]:
        signal = ctx.box.estimator.signal(rows(error))
        return torch.from_numpy(np.ascontiguousarray(signal)).to(ctx.like), None, None


def black_box(f: Callable[[np.ndarray], Any], est: JacobianEstimator, *, interval: int = 1) -> BlackBox:
    """A module that computes f and passes errors by what `est` has learned of f.

    Forward calls f. Backward gives the error at x as `est.signal(e)`, whatever f is made of; nothing of f is differentiated. In
    training mode every `interval` forward passes ask f once more for the batch with noise in it, each example its own probe, and
    tell the estimator what changed; in evaluation mode f is called once and nothing is learned.

    Parameters
    ----------
    f
        Takes an array `[batch, n]` in single precision and gives an array or tensor `[batch, outputs]`. It may be noisy, and may
        answer NaN where it has no answer: that probe is dropped.
    est
        `nmnc.JacobianEstimator(units=n, outputs=outputs, ...)`; an antithetic one is asked at x + xi and at x - xi.
    interval
        Forward passes in training mode between updates.

    Returns
    -------
    BlackBox

    Examples
    --------
    >>> est = nmnc.JacobianEstimator(units=32, outputs=10, dim=8)       # doctest: +SKIP
    >>> model = nn.Sequential(nn.Linear(784, 32), black_box(chip, est))  # doctest: +SKIP
    """
    return BlackBox(f, est, interval)
