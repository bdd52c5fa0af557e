"""Making a forward pass again: the same random numbers, the same buffers, the same statistics of the batch."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from ._refusals import refuse


class Randomness:
    """The state of every generator that a model may draw from without being handed one."""

    def __init__(self, devices: set[torch.device]) -> None:
        self._torch = torch.get_rng_state()
        self._devices = {device: _generator(device)[0]() for device in devices}
        self._python = random.getstate()
        self._numpy = np.random.get_state()  # noqa: NPY002 - what others drew from

    def restore(self) -> None:
        """Puts the generators back to where they were."""
        torch.set_rng_state(self._torch)
        for device, state in self._devices.items():
            _generator(device)[1](state)
        random.setstate(self._python)
        np.random.set_state(self._numpy)  # noqa: NPY002


def _generator(device: torch.device) -> tuple[Callable[[], Tensor], Callable[[Tensor], None]]:
    """What gets and sets the state of a device's generator."""
    of = getattr(torch, device.type)
    if device.type == "mps":
        return of.get_rng_state, of.set_rng_state
    return lambda: of.get_rng_state(device), lambda state: of.set_rng_state(state, device)


class Buffers:
    """What was in the buffers of a model."""

    def __init__(self, model: nn.Module) -> None:
        self._kept = [
            (module._buffers, name, None if buffer is None else buffer.detach().clone())
            for module in model.modules()
            for name, buffer in module._buffers.items()
        ]

    def substitute(self) -> None:
        """Has the model read and write copies of what was there; its own buffers are not touched, since backward may need them."""
        for place, name, content in self._kept:
            place[name] = None if content is None else content.clone()


@contextmanager
def _own_buffers_kept(model: nn.Module) -> Iterator[None]:
    """Afterwards, the model has the buffers that it has now."""
    own = [(module._buffers, dict(module._buffers)) for module in model.modules()]
    try:
        yield
    finally:
        for place, buffers in own:
            place.update(buffers)


class Replay:
    """A forward pass that can be made again with noise in it.

    Made before the pass, which runs within `recording()`. What the noise changes later is then caused by the noise alone: dropout
    draws the same masks, and each batch normalisation in training mode normalises by the statistics that it had in the recorded
    pass, so that an example's noise does not reach the others. Layer, group and instance normalisation look at one example and need
    nothing.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        parts = [*model.parameters(), *model.buffers()]
        self._devices = {part.device for part in parts if part.device.type not in ("cpu", "meta")}
        self._random = Randomness(self._devices)
        self._buffers = Buffers(model)
        self._statistics: dict[nn.Module, list[tuple[Tensor, Tensor]]] = {
            module: [] for name, module in model.named_modules() if _by_batch(name, module)
        }

    @contextmanager
    def recording(self) -> Iterator[None]:
        """While it lasts, statistics of batches are kept."""

        def keep(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            batch = _precise(inputs[0].detach())
            dims = [dim for dim in range(batch.dim()) if dim != 1]
            variance, mean = torch.var_mean(batch, dims, correction=0)
            self._statistics[module].append((mean, variance))

        with ExitStack() as hooks:
            for module in self._statistics:
                hooks.callback(module.register_forward_pre_hook(keep).remove)
            yield

    @contextmanager
    def repeating(self, frozen: bool = True) -> Iterator[Callable[[], None]]:
        """While it lasts, passes repeat the recorded one, if what it gives is called before each. Afterwards, generators and
        buffers are as they were before, whatever happened. Unless `frozen`, statistics are those of the pass itself and nothing
        need be recorded.
        """
        after = Randomness(self._devices)
        positions = {module: 0 for module in self._statistics}

        def normalise(module: _BatchNorm, batch: Tensor) -> Tensor:
            mean, variance = self._statistics[module][positions[module]]
            positions[module] += 1
            weight, bias = (None if own is None else _precise(own) for own in (module.weight, module.bias))
            return functional.batch_norm(_precise(batch), mean, variance, weight, bias, training=False, eps=module.eps).to(
                batch.dtype
            )

        def rewind() -> None:
            self._random.restore()
            self._buffers.substitute()
            positions.update((module, 0) for module in positions)

        with ExitStack() as undo:
            undo.callback(after.restore)
            undo.enter_context(_own_buffers_kept(self._model))
            for module in self._statistics if frozen else ():
                undo.enter_context(forward_replaced(module, lambda batch, own=module: normalise(own, batch)))
            yield rewind


@contextmanager
def forward_replaced(module: nn.Module, forward: Callable[..., Tensor]) -> Iterator[None]:
    """While it lasts, `module` computes `forward`."""
    before = module.__dict__.get("forward")
    module.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        if before is None:
            del module.__dict__["forward"]
        else:
            module.forward = before  # type: ignore[method-assign]


def _precise(values: Tensor) -> Tensor:
    return values if values.dtype in (torch.float32, torch.float64) else values.float()


def _by_batch(name: str, module: nn.Module) -> bool:
    """Whether a module normalises by statistics of the batch."""
    if not isinstance(module, _BatchNorm) or not (module.training or module.running_mean is None):
        return False
    if type(module).forward is not _BatchNorm.forward or "forward" in module.__dict__:
        raise refuse(
            f"module `{name}`",
            f"{type(module).__name__} normalises by statistics of the batch in a way of its own, which cannot be frozen",
            "call its .eval(), or use torch.nn.BatchNorm1d, 2d or 3d",
        )
    return True
