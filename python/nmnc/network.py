"""Networks of runs, as functions of numpy arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nmnc import _native
from nmnc.errors import DataError

__all__ = ["Network"]


class Network(_native.Network):
    """The network of a checkpoint. Made by `Run.network`.

    Attributes
    ----------
    input_shape : list of int
        Shape of one example: ``[channels, height, width]``, of a recurrent network ``[inputs]``, those of a step.
    outputs : int
        Number of outputs.
    stages : dict of str to int
        Units of each stage, first to last. A recurrent network has one, ``"states"``.
    step : int
        Training steps that made it.
    recurrent : bool
        Whether its inputs are sequences.

    Examples
    --------
    >>> net = nmnc.load_run("runs/first").network()  # doctest: +SKIP
    >>> x, y = nmnc.load_run("runs/first").examples(10)  # doctest: +SKIP
    >>> (net(x).argmax(1) == y).mean()  # doctest: +SKIP
    """

    def __call__(self, x: ArrayLike) -> NDArray[np.float32]:
        """Outputs, before any softmax.

        Parameters
        ----------
        x : array_like, shape (examples, channels, height, width) or (examples, channels * height * width)
            Images as the network was trained on them, standardized: `Run.examples` gives such. Of a recurrent network inputs of
            shape (steps, trials, inputs); there is no noise in its states.

        Returns
        -------
        ndarray of float32, shape (examples, outputs), of a recurrent network (steps, trials, outputs)
            Batch normalisation goes by its running statistics, dropout keeps all units.

        Raises
        ------
        DataError
            If `x` has another shape, or is empty.
        """
        rows, shape = self._rows(x)
        return self._output(rows, shape[-1]).reshape(*shape, self.outputs)

    def activities(self, x: ArrayLike) -> dict[str, NDArray[np.float32]]:
        """What every stage hands on.

        Parameters
        ----------
        x : array_like
            As of a call.

        Returns
        -------
        dict of str to ndarray of float32, shape (examples, units), of a recurrent network (steps, trials, units)
            By name of the stage, first to last. Units of a convolution are in the order (channels, height, width).
        """
        rows, shape = self._rows(x)
        found = self._activities(rows, shape[-1])
        return {name: activity.reshape(*shape, activity.shape[1]) for name, activity in found.items()}

    @property
    def parameters(self) -> dict[str, NDArray[np.float32]]:
        """Copies of the parameters by name, without buffers such as running statistics."""
        state = self.state_dict()
        return {name: state[name] for name in self._parameter_names()}

    def load_state_dict(self, state: Mapping[str, Any]) -> Network:
        """Takes weights by name.

        Parameters
        ----------
        state : mapping of str to array_like
            All parameters and buffers, in the shapes of PyTorch's layers: what `state_dict` gave, or that of a torch module with
            the same layers (torchvision's names for ``resnet18`` and the like). Tensors may be on any device, of any type of real
            numbers.

        Returns
        -------
        Network
            This one.

        Raises
        ------
        DataError
            At the first name that is missing or superfluous, or that has another shape; nothing is changed then.
        """
        self._load({str(name): _single(values, str(name)) for name, values in state.items()})
        return self

    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the weights: ``.safetensors``, or ``.pth``, which `torch.load` reads with ``weights_only=True``."""
        self._save(path)

    def load(self, path: Union[str, os.PathLike[str]]) -> Network:
        """Takes the weights of a file (safetensors, or PyTorch's of a state dictionary, in which nothing is run) or run."""
        self._read(path)
        return self

    def _rows(self, x: ArrayLike) -> tuple[NDArray[np.float32], tuple[int, ...]]:
        """Inputs as rows, and the shape that the rows of what comes out stand for."""
        array = _single(x, "x")
        inputs = int(np.prod(self.input_shape))
        wanted = [tuple(self.input_shape), (inputs,)]
        leading = 2 if self.recurrent else 1
        if array.ndim <= leading or array.shape[leading:] not in wanted or 0 in array.shape:
            shape = ["steps", "trials"] if self.recurrent else ["examples"]
            expected = ", ".join([*shape, *map(str, self.input_shape)])
            raise DataError(f"x: has shape {list(array.shape)}; give [{expected}]")
        return np.ascontiguousarray(array.reshape(-1, inputs)), array.shape[:leading]

    def __repr__(self) -> str:
        stages = ", ".join(f"{name} {units}" for name, units in self.stages.items())
        return f"Network({self.origin!r}: {self.input_shape} -> {stages} -> {self.outputs})"


def _single(values: Any, place: str) -> NDArray[np.float32]:
    """Numbers of any kind, also of a torch tensor wherever it is, in single precision."""
    if hasattr(values, "detach"):
        values = values.detach().float().cpu()
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"holds {array.dtype}")
    except (TypeError, ValueError) as error:
        raise DataError(f"{place}: cannot be read as numbers: {error}; give an array of real numbers") from error
    return array.astype(np.float32, order="C", copy=False)
