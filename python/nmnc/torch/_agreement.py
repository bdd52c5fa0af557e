"""How well a rule's gradients agree with those of autograd."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

import torch
from torch import Tensor

from ._passes import READOUT, Cut, output_of
from ._replay import Replay
from ._sources import Memoryless
from ._stages import at_outputs

if TYPE_CHECKING:
    from .rule import Loss, NoiseCorrelation

Grads = list[Optional[Tensor]]


class Agreement(NamedTuple):
    """Cosines by stage, 1 where the rule is exact and 0 where it knows nothing.

    Attributes
    ----------
    gradients
        Of what a stage's signal gives its section's parameters with what the exact signal gives them; sections without parameters
        are left out. `"readout"`: of what leads to the output without passing a stage.
    signals
        Of the rule's signals with dLoss/dx_l, over the whole batch.
    """

    gradients: dict[str, float]
    signals: dict[str, float]


def measure(rule: NoiseCorrelation, x: Any, y: Any, loss_fn: Loss) -> Agreement:
    """The agreement of `rule` at some examples; random numbers, buffers, gradients and the rule stay as they are."""
    model, stages, mirrors = rule._model, rule._stages, rule._mirrors
    parameters = [own for own in model.parameters() if own.requires_grad]
    before = Replay(model)
    # A node perturbation needs fresh probes, for which its statistics are kept.
    with before.repeating(frozen=False) as rewind:

        def whole(mirrored: bool) -> dict[str, Tensor]:
            """Errors that arrive at the stages, without a cut."""
            rewind()
            reached: dict[str, Tensor] = {}

            def reach(name: str, activity: Tensor) -> Tensor:
                # Where a section has nothing to learn, the activity is not part of a graph yet.
                reached[name] = activity if activity.requires_grad else activity.detach().requires_grad_()
                return reached[name]

            with mirrors.installed() if mirrored else nullcontext(), at_outputs(stages, reach):
                loss = loss_fn(output_of(model, x), y)
            if not reached:
                return {}
            errors = torch.autograd.grad(loss, list(reached.values()), allow_unused=True)
            return {name: torch.zeros_like(end) if error is None else error for (name, end), error in zip(reached.items(), errors)}

        exact = whole(mirrored=False)
        rewind()
        with before.recording():
            cut = Cut(model, stages, x)
        error = _error(cut, y, loss_fn)
        if mirrors:
            signals = whole(mirrored=True)
            rewind()
            with mirrors.installed():
                own = Cut(model, stages, x)
        elif rule._method == "backprop":
            signals, own = exact, cut
        else:
            signals, own = _signals(rule, cut, error, x, before), cut
        ends = {**{name: (exact[name], signals[name]) for name in stages}, READOUT: (error, error)}
        gradients: dict[str, float] = {}
        for name, (wanted, given) in ends.items():
            similar = _compared(_gradients(cut.end(name), parameters, wanted), _gradients(own.end(name), parameters, given))
            if similar is not None:
                gradients[name] = similar
    return Agreement(gradients, {name: _cosine([exact[name]], [signals[name]]) for name in stages})


def _error(cut: Cut, y: Any, loss_fn: Callable[[Tensor, Any], Tensor]) -> Tensor:
    output = cut.output.detach().requires_grad_()
    return torch.autograd.grad(loss_fn(output, y), output)[0]


def _signals(rule: NoiseCorrelation, cut: Cut, error: Tensor, x: Any, replay: Replay) -> dict[str, Tensor]:
    """The rule's signals; those of node perturbation come from fresh probes, which the rule does not notice."""
    rule._build(cut)
    sources = rule._sources
    if rule._method == "node-perturbation":
        sources = {name: source.copy() for name, source in sources.items() if isinstance(source, Memoryless)}
        rule._probe(sources, cut, x, replay, refresh=False)
    return rule._signals(sources, cut, error)


def _gradients(end: Tensor, parameters: list[Tensor], signal: Tensor) -> Grads:
    if not end.requires_grad:
        return [None] * len(parameters)
    return list(torch.autograd.grad(end, parameters, signal, retain_graph=True, allow_unused=True))


def _compared(exact: Grads, own: Grads) -> Optional[float]:
    """The cosine over all parameters that are reached; nothing where none is."""
    pairs = [(a, b) for a, b in zip(exact, own) if a is not None and b is not None]
    return _cosine([a for a, _ in pairs], [b for _, b in pairs]) if pairs else None


def _cosine(a: list[Tensor], b: list[Tensor]) -> float:
    """The cosine of two lists of tensors as one vector each; 0 with a vector of zeros."""
    flat = [torch.cat([part.detach().cpu().double().reshape(-1) for part in parts]) for parts in (a, b)]
    norms = flat[0].norm() * flat[1].norm()
    return float(flat[0] @ flat[1] / norms) if norms > 0 else 0.0
