"""Forward passes of a model that is cut at its stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._arrays import call, like, rows
from ._refusals import refuse
from ._stages import at_outputs

# What leads to the output without passing a stage.
READOUT = "readout"
# How much of the change that noise makes may show in examples without noise, as a ratio of norms.
LEAK = 1e-3
# How far a repeated pass may be from the pass, as a ratio of norms: statistics of a batch are rounded otherwise.
REPEATED = {torch.float64: 1e-6, torch.float32: 1e-3}


class Cut:
    """A forward pass in which no stage's output is connected to what reads it.

    Attributes
    ----------
    output
        What the model gave, `[batch, ...]`, connected to what leads to it without passing a stage.
    sections
        The output of each stage, connected to what leads to it without passing another stage.
    """

    def __init__(self, model: nn.Module, stages: dict[str, nn.Module], x: Any) -> None:
        self.sections: dict[str, Tensor] = {}
        ends: dict[int, str] = {}

        def cut(name: str, activity: Tensor) -> Tensor:
            if id(activity) in ends:
                problem = f"its output is that of stage `{ends[id(activity)]}`"
                raise refuse(f"stage `{name}`", problem, "name one of them")
            self.sections[name] = activity
            # A copy, because what follows may write into it. That it needs no gradient is what makes each section an island.
            handed_on = activity.detach().clone()
            self._handed_on.append(handed_on)
            ends[id(handed_on)] = name
            return handed_on

        self._handed_on: list[Tensor] = []
        with at_outputs(stages, cut):
            self.output = output_of(model, x)
        self._handed_on.clear()
        for name, activity in self.sections.items():
            if activity.shape[0] != self.output.shape[0]:
                problem = f"its output is {list(activity.shape)} where that of the model is {list(self.output.shape)}"
                raise refuse(f"stage `{name}`", problem, "both must be [batch, ...]")

    def end(self, name: str) -> Tensor:
        """The output of a stage, or of the model if `READOUT` is asked for."""
        return self.output if name == READOUT else self.sections[name]

    def activity(self, name: str) -> np.ndarray:
        """The output of a stage as an array `[batch, n]` in single precision."""
        return rows(self.sections[name])


def output_of(model: nn.Module, x: Any) -> Tensor:
    """What the model gives for `x`, which must be a tensor of real numbers."""
    output = call(model, x)
    if not isinstance(output, Tensor) or not output.is_floating_point() or output.dim() == 0:
        mend = "wrap it in a module that gives a tensor of real numbers [batch, ...]"
        raise refuse("model", f"its output is a {type(output).__name__}", mend)
    return output


class Perturbed:
    """The same pass with noise at one stage.

    Parameters
    ----------
    rewind
        What `Replay.repeating` gives.
    """

    def __init__(self, model: nn.Module, stages: dict[str, nn.Module], x: Any, output: Tensor, rewind: Callable[[], None]) -> None:
        self._model, self._stages, self._x, self._rewind = model, stages, x, rewind
        self._output = rows(output)
        self._dtype = output.dtype

    def change(self, name: str, noise: np.ndarray) -> np.ndarray:
        """What noise `[batch, n]` at a stage changes in the output, `[batch, outputs]`."""
        return self._run(name, noise) - self._output

    def check(self, name: str, noise: np.ndarray) -> None:
        """Tries with some noise whether passes can be repeated, and whether every example keeps its noise to itself.

        Raises
        ------
        ConfigError
            If not; no estimate would be right then.
        """
        repeated = self._run(name, np.zeros_like(noise))
        if _norm(repeated - self._output) > REPEATED.get(self._dtype, 0.1) * _norm(self._output):
            problem = "the same input gives another output when the forward pass is repeated"
            mend = "call .eval() on what changes from pass to pass or draws from a generator of its own"
            raise refuse("model", problem, mend)
        if len(noise) < 2:
            return
        noise = noise.copy()
        noise[1::2] = 0.0
        change = self._run(name, noise) - repeated
        if _norm(change[1::2]) > LEAK * _norm(change[::2]):
            problem = "an example's noise reaches other examples of the batch, by more than torch.nn.BatchNorm"
            raise refuse(f"stage `{name}`", problem, "call .eval() on what mixes examples, or move the stage behind it")

    def _run(self, name: str, noise: np.ndarray) -> np.ndarray:
        self._rewind()
        add = lambda _, activity: activity + like(noise, activity)  # noqa: E731
        with torch.no_grad(), at_outputs({name: self._stages[name]}, add):
            return rows(output_of(self._model, self._x))


def _norm(values: np.ndarray) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))
