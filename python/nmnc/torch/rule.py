"""Gradients of a PyTorch model from local signals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, Optional, Union

import numpy as np
import torch
from torch import Tensor, nn

from nmnc.errors import CheckpointError

from . import _agreement
from ._mirrors import Mirrors
from ._passes import READOUT, Cut, Perturbed, output_of
from ._refusals import refuse
from ._replay import Replay
from ._settings import METHODS, Settings
from ._sources import Correlated, Probed, RandomFeedback, Source, source_of
from ._stages import Stage, resolve

Loss = Callable[[Tensor, Any], Tensor]


class NoiseCorrelation:
    """Fills the gradients of a model from error signals that are local to its stages.

    A *stage* is a submodule whose output x_l, flattened to `[batch, n_l]`, is perturbed and gets an error signal. What leads to x_l
    without passing another stage is its *section*; what leads to the model's output y without passing a stage, such as a readout,
    has the exact error e = dLoss/dy. Skips around stages, shared modules and branches are no exception: a parameter that leads to
    several stages gets the sum. Noise is added to x_l, everything downstream is worked out anew, and the change of y teaches
    feedback B_l `[outputs, n_l]`, an estimate of the mean Jacobian dy/dx_l; the signal of the stage is e B_l.

    *What autograd is used for.* For e, of the loss and the output alone. Within a section, to carry its stage's signal to the
    section's own parameters. Nothing else: a forward pass hands a copy of each x_l on that is no part of any graph, so that no
    gradient passes a stage. The methods "mirror" and "backprop" send an error from stage to stage and are the exceptions: "mirror"
    through learned feedback in place of every `nn.Linear` and `nn.Conv2d` (see *Notes*), "backprop" by autograd alone.

    Parameters
    ----------
    model
        The model. It is used as it is and not wrapped; hooks live within calls of `backward` and `agreement` only.
    stages
        Names (as in `model.named_modules()`) or modules. Each is called once in a forward pass. Of a module that gives a tuple, as
        `nn.LSTM(batch_first=True)` does, the first item is the activity: for an LSTM all hidden states of the sequence, `[batch,
        time * hidden]`, and autograd goes through time within that stage. "mirror" and "backprop" need no stages; they divide the
        parameters for `agreement`.
    method
        "nmnc": noise on the manifold of activity, its top `dim` principal components. "vnc": noise anywhere.
        "node-perturbation": noise anywhere, each example for itself, no feedback weights: delta = mean of (e . dy) xi / sigma^2.
        "dfa": fixed random feedback. "mirror", "backprop": as above.
    dim
        Components d, or a fraction of variance between 0 and 1 ("nmnc" and "mirror"; for "mirror" None is noise anywhere).
    interval
        Steps (calls of `backward`) between updates of the feedback, the first in the first step. Node perturbation has probes in
        each.
    seed
        Of all noise. Stage l is estimator l of the seed.
    sigma
        Norm of the noise over that of the activity.
    probes
        Perturbations of each example in an update, each in a forward pass of its own at each stage; for "mirror", rows of input of
        each map for each example of the batch.
    refresh
        Steps between updates of the manifold, from the activity of that step's batch, a multiple of `interval`, which it is when
        left out.
    initial
        Perturbed rows of input of each map before the first step ("mirror"), as many as the map has inputs if that is less.
    **estimator
        Of `nmnc.JacobianEstimator`: `estimator`, `eta`, `forgetting`, `ridge`, `noise`, `antithetic`, `manifold_forgetting`
        ("nmnc" and "vnc"). Unless given, a leaky average with eta 0.2.

    Notes
    -----
    Gradients are those of the loss as `loss_fn` gives it, added to `.grad` as `loss.backward()` does.

    Perturbed passes repeat the clean one: dropout and whatever draws from the generators of torch, numpy and Python draws the same,
    and batch normalisation in training mode uses the statistics of the clean pass. Afterwards parameters, buffers and generators
    are as one forward pass leaves them, bit for bit. A module that cannot be held so is refused in the first step, which tries it.
    Within a section the signal goes exactly through statistics of the batch.

    "mirror" learns B of the shape of each map's weight W from noise on the map's own input rows (tokens, or patches of a
    convolution at random positions) and its own response W xi, by least squares, half of the rows on the manifold of that input
    (the principal components of its second moments, so that its mean is among them) and half anywhere. All that is no map
    (nonlinearities, normalisation, pooling, attention's products) it carries by its own derivative. From the rule of the Rust
    library it differs in this: a convolution's manifold is that of its patches, not that of the stage's whole activity; the
    division of rows between manifold and elsewhere is fixed; differences within a batch are not taken for probes. Weights that a
    module of the user's own multiplies by without `nn.Linear` or `nn.Conv2d` are carried by autograd.

    A model in bfloat16 or on another device works: noise and signals go there and back, estimators stay on the CPU in single
    precision. Give a model that `torch.compile` returned as the module that was compiled. Training over several processes is not
    covered.

    Raises
    ------
    nmnc.ConfigError
        In one line: settings that have no meaning, a stage that is none.
    """

    def __init__(
        self,
        model: nn.Module,
        stages: Iterable[Stage] = (),
        method: str = "nmnc",
        dim: Union[int, float, None] = 64,
        interval: int = 10,
        seed: int = 0,
        *,
        sigma: float = 0.1,
        probes: int = 1,
        refresh: Optional[int] = None,
        initial: int = 4096,
        **estimator: Any,
    ) -> None:
        self._settings = Settings(method, dim, interval, seed, sigma, probes, refresh, initial, estimator)
        self._model, self._method = model, method
        self._stages = resolve(model, stages)
        if not self._stages and method not in ("mirror", "backprop"):
            raise refuse("stages", "there are none", "name submodules; see model.named_modules()")
        self._sources: dict[str, Source] = {}
        self._sizes: dict[str, int] = {}
        self._restored: dict[str, Any] = {}
        self._mirrors = Mirrors(model, self._settings) if method == "mirror" else None
        self._checked = False
        self._step = self._probes = 0

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages."""
        return tuple(self._stages)

    @property
    def step(self) -> int:
        """Calls of `backward` so far."""
        return self._step

    @property
    def probes(self) -> int:
        """Perturbed forward passes of one example so far; for "mirror", perturbed rows of input of one map."""
        return self._probes + (self._mirrors.probes if self._mirrors else 0)

    def feedback(self, name: str) -> Optional[np.ndarray]:
        """Feedback weights: B `[outputs, n]` of a stage, or of the shape of W for a map of "mirror".

        None before the first step, and where there are none.
        """
        source = self._sources.get(name)
        if self._mirrors:
            learned = self._mirrors.feedback(name)
        else:
            learned = source.feedback(torch.device("cpu")) if isinstance(source, (Correlated, RandomFeedback)) else None
        return None if learned is None else learned.numpy().copy()

    def backward(self, x: Any, y: Any, loss_fn: Loss) -> Tensor:
        """One step: a forward pass, probes if it is time, and gradients in `.grad` of every parameter that the output depends on.

        Parameters
        ----------
        x
            The model's input; a tuple or list holds positional, a mapping named arguments.
        y
            What the loss compares with.
        loss_fn
            `loss_fn(output, y)`, a scalar; parameters of its own get their gradients too.

        Returns
        -------
        Tensor
            The loss, without a graph.

        Raises
        ------
        nmnc.ConfigError
            A model that cannot be perturbed as it is; its gradients are then untouched.
        """
        if self._method == "backprop":
            loss = scalar(loss_fn(output_of(self._model, x), y))
            loss.backward()
        elif self._mirrors:
            due = self._settings.probing(self._step)
            with self._mirrors.installed(collecting=due, step=self._step):
                loss = scalar(loss_fn(output_of(self._model, x), y))
            if due:
                self._mirrors.learn(self._settings.refreshing(self._step))
            loss.backward()
        else:
            loss = self._local(x, y, loss_fn)
        self._step += 1
        return loss.detach()

    def _local(self, x: Any, y: Any, loss_fn: Loss) -> Tensor:
        probing = self._method != "dfa" and self._settings.probing(self._step)
        replay = Replay(self._model) if probing else None
        if replay is None:
            cut = Cut(self._model, self._stages, x)
        else:
            with replay.recording():
                cut = Cut(self._model, self._stages, x)
        output = cut.output.detach().requires_grad_()
        loss = scalar(loss_fn(output, y))
        (error,) = torch.autograd.grad(loss, output, retain_graph=True)
        self._build(cut)
        if replay is not None:
            self._probes += self._probe(self._sources, cut, x, replay, self._settings.refreshing(self._step))
        signals = self._signals(self._sources, cut, error)
        ends = [(loss, None), (cut.output, error), *((cut.sections[name], signals[name]) for name in self._stages)]
        ends = [(end, signal) for end, signal in ends if end.requires_grad]
        torch.autograd.backward([end for end, _ in ends], [signal for _, signal in ends])
        return loss

    def _build(self, cut: Cut) -> None:
        """The sources, whose sizes the first pass shows.

        Raises
        ------
        ConfigError
            Sizes that are not those of the first pass.
        """
        sizes = {**{name: cut.sections[name][0].numel() for name in self._stages}, READOUT: cut.output[0].numel()}
        if self._sources:
            for name, size in sizes.items():
                if size != self._sizes[name]:
                    problem = f"has {size} units, {self._sizes[name]} in the first step"
                    raise refuse("output" if name == READOUT else f"stage `{name}`", problem, "give inputs of one size")
            return
        self._sizes = sizes
        for index, name in enumerate(self._stages):
            source = source_of(self._settings, index, sizes[name], sizes[READOUT])
            if name in self._restored:
                source.restore(self._restored[name])
            self._sources[name] = source

    def _probe(self, sources: dict[str, Source], cut: Cut, x: Any, replay: Replay, refresh: bool) -> int:
        """Perturbs every stage in turn and tells its source; the number of perturbed examples."""
        count, repetitions, antithetic = 0, self._settings.probes, self._settings.antithetic
        with replay.repeating() as rewind:
            perturbed = Perturbed(self._model, self._stages, x, cut.output, rewind)
            for name in self._stages:
                activity, source = cut.activity(name), sources[name]
                assert isinstance(source, Probed)
                if refresh:
                    source.follow(activity)
                batch = len(activity)
                probes = source.ask(repetitions * batch, activity)
                if probes is None:
                    warnings.warn(f"stage `{name}`: its activity is zero or does not vary, so it receives no probes", stacklevel=4)
                    continue
                noise = probes.values
                if not self._checked:
                    perturbed.check(name, noise[:batch])
                changes = []
                for part in np.split(noise, repetitions):
                    change = perturbed.change(name, part)
                    changes.append((change - perturbed.change(name, -part)) / 2 if antithetic else change)
                source.tell(probes, np.concatenate(changes), activity)
                count += len(noise) * (2 if antithetic else 1)
        self._checked = True
        return count

    def _signals(self, sources: dict[str, Source], cut: Cut, error: Tensor) -> dict[str, Tensor]:
        """The signal of every stage, of the shape, type and device of its output."""
        error = error.reshape(len(error), -1).float()
        signals = {}
        for name, activity in cut.sections.items():
            signal = sources[name].signal(error.to(activity.device))
            signals[name] = signal.expand(len(error), activity[0].numel()).reshape(activity.shape).to(activity.dtype)
        return signals

    def agreement(self, x: Any, y: Any, loss_fn: Loss) -> _agreement.Agreement:
        """How well the rule's gradients agree with those of autograd at these examples; nothing is learned or changed by it.

        Returns
        -------
        Agreement
            Cosines by stage: of the gradients of its section's parameters, and of its signals. `"readout"` is what follows the last
            stage.
        """
        return _agreement.measure(self, x, y, loss_fn)

    def state_dict(self) -> dict[str, Any]:
        """What the next step depends on beside the model: numbers, strings and tensors, as `torch.save` keeps them."""
        sources = {name: source.state() for name, source in self._sources.items()} or dict(self._restored)
        return {
            "method": self._method,
            "stages": list(self._stages),
            "step": self._step,
            "probes": self._probes,
            "sources": sources,
            "mirrors": self._mirrors.state() if self._mirrors else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes back what `state_dict` gave; training then goes on with the same bits.

        Raises
        ------
        nmnc.CheckpointError
            A state of another method or of other stages.
        """
        for name, own in (("method", self._method), ("stages", list(self._stages))):
            if state.get(name) != own:
                raise CheckpointError(
                    f"state: {name} is {state.get(name)!r}, here {own!r}; build the rule as the one that was saved"
                )
        self._step, self._probes = int(state["step"]), int(state["probes"])
        self._restored, self._sources = dict(state["sources"]), {}
        if self._mirrors:
            self._mirrors.restore(state["mirrors"])


def scalar(loss: Tensor) -> Tensor:
    """The loss, which must be one number that depends on the output."""
    if not isinstance(loss, Tensor) or loss.numel() != 1 or not loss.requires_grad:
        raise refuse(
            "loss_fn", "gives no scalar that depends on the output", "return a mean, as torch.nn.functional.cross_entropy does"
        )
    return loss


__all__ = ["METHODS", "NoiseCorrelation"]
