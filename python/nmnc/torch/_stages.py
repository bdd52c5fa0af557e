"""Which modules are stages, and what happens at their outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn, Union

import torch
from torch import Tensor, nn

from ._refusals import refuse

Stage = Union[str, nn.Module]


def resolve(model: nn.Module, stages: Iterable[Stage]) -> dict[str, nn.Module]:
    """The named submodules of `model`, in the given order.

    Raises
    ------
    ConfigError
        A name or module that is no part of the model, one named twice, a sequence module whose output begins with time.
    """
    known = dict(model.named_modules())
    names = {module: name for name, module in known.items()}
    found: dict[str, nn.Module] = {}
    for stage in [stages] if isinstance(stages, (str, nn.Module)) else stages:
        name = names.get(stage) if isinstance(stage, nn.Module) else stage
        if name is None or name not in known:
            shown = type(stage).__name__ if isinstance(stage, nn.Module) else f"`{stage}`"
            some = ", ".join(name for name, _ in model.named_children())
            raise refuse("stages", f"{shown} is no part of the model", f"its parts are {some}; see model.named_modules()")
        if name == "":
            raise refuse("stages", "the whole model is no stage", "its output has the exact error already")
        if known[name] in found.values():
            raise refuse("stages", f"`{name}` is named twice", "name each stage once")
        if isinstance(known[name], (nn.RNNBase, nn.MultiheadAttention)) and not known[name].batch_first:
            raise refuse(f"stage `{name}`", "its output begins with time", "build it with batch_first=True")
        found[name] = known[name]
    return found


@contextmanager
def at_outputs(stages: dict[str, nn.Module], act: Callable[[str, Tensor], Tensor]) -> Iterator[None]:
    """While it lasts, the activity x of each stage called is `act(name, x)` for whoever reads it.

    Raises
    ------
    ConfigError
        Within the pass, at a stage that is called twice or whose output does not begin with a tensor of real numbers.
    """
    called: set[str] = set()

    def hook(name: str) -> Callable[[nn.Module, Any, Any], Any]:
        def replaced(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            if name in called:
                raise refuse(
                    f"stage `{name}`",
                    "is called more than once in a forward pass",
                    "a stage is one place: give each call an nn.Identity of its own, and name that",
                )
            called.add(name)
            activity = output[0] if isinstance(output, tuple) and output else output
            if not isinstance(activity, Tensor) or not activity.is_floating_point() or activity.dim() == 0:
                mend = "name a module whose output is a tensor of real numbers [batch, ...]"
                raise refuse(f"stage `{name}`", f"its output is a {type(activity).__name__}", mend)
            moved = act(name, activity)
            if moved is activity:
                return output
            if isinstance(output, tuple):
                return (moved, *(closed(name, item) for item in output[1:]))
            return moved

        return replaced

    with ExitStack() as hooks:
        for name, module in stages.items():
            handle = module.register_forward_hook(hook(name))
            hooks.callback(handle.remove)
        yield
    missing = [name for name in stages if name not in called]
    if missing:
        mend = "name a module that every forward pass calls"
        raise refuse(f"stage `{missing[0]}`", "was not called in the forward pass", mend)


class _Closed(torch.autograd.Function):
    """A value that may be looked at, but through which no error passes."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, name: str) -> Tensor:
        ctx.name = name
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> NoReturn:
        raise refuse(
            f"stage `{ctx.name}`",
            "the model reads more of its output than the first item, which alone is perturbed and gets a signal",
            "name a module that hands on what is read, such as an nn.Identity behind it",
        )


def closed(name: str, item: Any) -> Any:
    """What else a stage hands on beside its activity, with every tensor closed to errors."""
    if isinstance(item, Tensor) and item.requires_grad:
        return _Closed.apply(item.detach().requires_grad_(), name)
    if isinstance(item, (tuple, list)):
        return type(item)(closed(name, part) for part in item)
    return item
