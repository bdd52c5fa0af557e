"""Learned feedback in place of linear maps: a weight mirror of every map of a model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Optional

import numpy as np
import torch
from torch import Tensor, nn

from nmnc import JacobianEstimator

from ._arrays import as_arrays, as_tensors
from ._maps import Map, map_of
from ._replay import forward_replaced
from ._settings import Settings
from ._sources import SILENT

# Rows that are told at a time: least squares of whole blocks of orthogonal rows is exact in parts, and cheaper.
PART = 256


class Mirrors:
    """The mirrors of all maps of a model, by the names of their modules."""

    def __init__(self, model: nn.Module, settings: Settings) -> None:
        self._mirrors: dict[str, Mirror] = {}
        for name, module in model.named_modules():
            found = map_of(name, module)
            if found is not None:
                self._mirrors[name] = Mirror(found, len(self._mirrors), settings)

    @property
    def probes(self) -> int:
        """Perturbed rows of input so far."""
        return sum(mirror.probes for mirror in self._mirrors.values())

    @contextmanager
    def installed(self, collecting: bool = False, step: int = 0) -> Iterator[None]:
        """While it lasts, forward passes prepare errors to come down through mirrors; if `collecting`, these keep rows of input."""
        with ExitStack() as undo:
            for mirror in self._mirrors.values():
                mirror.collecting = step if collecting else None
                undo.enter_context(forward_replaced(mirror.map.module, mirror.forward))
            try:
                yield
            except BaseException:
                for mirror in self._mirrors.values():
                    mirror.drop()
                raise

    def learn(self, refresh: bool) -> None:
        """Learns from the rows that were kept."""
        for mirror in self._mirrors.values():
            mirror.learn(refresh)

    def feedback(self, name: str) -> Optional[Tensor]:
        """The mirror of a map's weight, of its shape."""
        mirror = self._mirrors.get(name)
        return None if mirror is None else mirror.feedback().cpu()

    def state(self) -> dict[str, Any]:
        """What the next step depends on."""
        return {name: mirror.state() for name, mirror in self._mirrors.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what `state` gave."""
        for name, mirror in self._mirrors.items():
            mirror.restore(state[name])


class Mirror:
    """Feedback B of the shape of one map's weight W, learned from noise on rows of the map's own input and its own response to it.

    B is the sum of what two estimators know: one whose noise goes anywhere, and one whose noise lies on the manifold of the input.
    Each is told what the other leaves unexplained.
    """

    def __init__(self, of: Map, index: int, settings: Settings) -> None:
        self.map = of
        self.probes = 0
        # The step whose random rows of input are kept; none where they are not.
        self.collecting: Optional[int] = None
        self._seed, self._index, self._count = settings.seed, index, settings.probes
        self._initial = min(settings.initial, of.units)
        self._kept: list[np.ndarray] = []
        self._feedback: Optional[Tensor] = None
        self._told = False
        shape = (of.units, of.outputs)
        dim = settings.dim
        if isinstance(dim, int):
            dim = min(dim, of.units)
        # The manifold follows no more rows than it has use for, since these are decomposed.
        self._followed = max(64, dim) if isinstance(dim, int) else None
        arguments = {"seed": settings.seed, "sigma": settings.sigma, "estimator": "least-squares", "noise": "hadamard"}
        self._anywhere = JacobianEstimator(*shape, None, index=2 * index, **arguments)
        self._manifold = None if dim is None else JacobianEstimator(*shape, dim, index=2 * index + 1, **arguments)

    def forward(self, x: Tensor) -> Tensor:
        """The map; errors come down through B."""
        x, fixed = self.map.prepared(x)
        module = self.map.module
        if not x.requires_grad:
            # What reads data sends no error down.
            return self.map.apply(x, module.weight, module.bias, fixed)
        if self.collecting is not None:
            count = self._count * x.shape[0]
            stream = np.random.default_rng([self._seed, self._index, self.collecting, len(self._kept)])
            self._kept.append(self.map.rows(x.detach(), count, stream))
        return _Mirrored.apply(x, module.weight, module.bias, self, fixed)

    def drop(self) -> None:
        """Forgets rows that were kept."""
        self._kept.clear()

    def learn(self, refresh: bool) -> None:
        """Perturbs the rows that were kept."""
        if not self._kept:
            return
        activity = np.concatenate(self._kept)
        self._kept.clear()
        if np.abs(activity).max() < SILENT:
            return
        if not self._told and self._initial:
            self._perturb(self._anywhere, self._manifold, self._initial, activity)
        rows = len(activity)
        if self._manifold is not None and (refresh or not self._told):
            # With each row its negative: weights move by sums of errors times inputs, which lie along the mean of inputs too.
            followed = activity[: self._followed]
            self._manifold.partial_fit(np.concatenate([followed, -followed]))
        if self._manifold is None or self._manifold.components_ is None:
            self._perturb(self._anywhere, self._manifold, rows, activity)
        else:
            self._perturb(self._manifold, self._anywhere, rows - rows // 2, activity)
            self._perturb(self._anywhere, self._manifold, rows // 2, activity)
        self._told, self._feedback = True, None

    def _perturb(self, own: Any, other: Any, count: int, activity: np.ndarray) -> None:
        """Tells `own` what the map's response to `count` rows of noise is beyond what `other` knows."""
        known = None if other is None else other.jacobian_
        for first in range(0, count, PART):
            probes = own.ask(min(PART, count - first), activity)
            noise = probes.values
            response = self.map.response(noise)
            own.tell(probes, response if known is None else response - noise @ known.T)
        self.probes += count

    def feedback(self) -> Tensor:
        """B, where the weight is."""
        weight = self.map.module.weight
        if self._feedback is None or self._feedback.device != weight.device:
            known = np.array(self._anywhere.jacobian_)
            if self._manifold is not None:
                known += self._manifold.jacobian_
            self._feedback = torch.from_numpy(known).to(weight.device).reshape(weight.shape)
        return self._feedback

    def state(self) -> dict[str, Any]:
        """What the next step depends on."""
        return {
            "anywhere": as_tensors(self._anywhere.state()),
            "manifold": None if self._manifold is None else as_tensors(self._manifold.state()),
            "told": self._told,
            "probes": self.probes,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what `state` gave."""
        self._anywhere.restore(as_arrays(state["anywhere"]))
        if self._manifold is not None:
            self._manifold.restore(as_arrays(state["manifold"]))
        self._told, self.probes, self._feedback = bool(state["told"]), int(state["probes"]), None


class _Mirrored(torch.autograd.Function):
    """A linear map whose input's gradient comes through its mirror; its own parameters' gradients are exact."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Optional[Tensor], mirror: Mirror, fixed: Any) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.mirror, ctx.fixed, ctx.biased = mirror, fixed, bias is not None
        return mirror.map.apply(x, weight, bias, fixed)

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> tuple[Optional[Tensor], ...]:
        x, weight = ctx.saved_tensors
        of, grads = ctx.mirror.map, [None, None, None, None, None]
        error = error.to(x.dtype)
        if ctx.needs_input_grad[0]:
            # Looked up now, because probes of this step have taught it since the forward pass.
            grads[0] = of.input_gradient(x, ctx.mirror.feedback().to(x.dtype), error, ctx.fixed)
        if ctx.needs_input_grad[1]:
            grads[1] = of.weight_gradient(x, weight, error, ctx.fixed)
        if ctx.biased and ctx.needs_input_grad[2]:
            grads[2] = of.bias_gradient(error)
        return tuple(grads)
