"""Linear maps that a mirror stands in for: what they compute, and how to look at their rows of input."""

from __future__ import annotations

from typing import Any, Optional, Protocol, Union

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv2d_input, conv2d_weight
from torch.nn.modules.conv import _ConvNd

from ._refusals import refuse

# Modules that multiply by weights in ways no mirror stands in for.
REFUSED = (nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention, nn.Bilinear, _ConvNd)


class Map(Protocol):
    """y = W x + b at every row of an input, a row being what W multiplies."""

    module: Any
    units: int
    outputs: int

    def prepared(self, x: Tensor) -> tuple[Tensor, Any]:
        """The input that `apply` takes, and what else it takes."""

    def apply(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], fixed: Any) -> Tensor:
        """The map."""

    def input_gradient(self, x: Tensor, weight: Tensor, error: Tensor, fixed: Any) -> Tensor:
        """An error at the output brought to the input through `weight`."""

    def weight_gradient(self, x: Tensor, weight: Tensor, error: Tensor, fixed: Any) -> Tensor:
        """Gradient of the weight."""

    def bias_gradient(self, error: Tensor) -> Tensor:
        """Gradient of the bias."""

    def rows(self, x: Tensor, count: int, stream: np.random.Generator) -> np.ndarray:
        """Rows `[count, units]` of the input at random places, as many of each example."""

    def response(self, noise: np.ndarray) -> np.ndarray:
        """What the map adds to its output `[rows, outputs]` for noise `[rows, units]` on rows of its input."""


def map_of(name: str, module: nn.Module) -> Union[Linear, Conv2d, None]:
    """The map that a module is, if any.

    Raises
    ------
    ConfigError
        A module that multiplies by weights that no mirror stands in for.
    """
    own = "forward" not in module.__dict__
    if isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward and own:
        return Linear(module)
    if isinstance(module, nn.Conv2d) and type(module).forward is nn.Conv2d.forward and own and module.groups == 1:
        return Conv2d(module)
    if isinstance(module, (*REFUSED, nn.Linear)):
        grouped = f" of {module.groups} groups" if isinstance(module, nn.Conv2d) and module.groups > 1 else ""
        problem = f"a mirror stands in for nn.Linear and nn.Conv2d, not for {type(module).__name__}{grouped}"
        raise refuse(f"module `{name}`", problem, 'build it of these, or set method = "nmnc"')
    return None


class Linear:
    """An `nn.Linear`; its rows are the last dimension of its input."""

    def __init__(self, module: nn.Linear) -> None:
        self.module, self.units, self.outputs = module, module.in_features, module.out_features

    def prepared(self, x: Tensor) -> tuple[Tensor, Any]:
        return x, None

    def apply(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], fixed: Any) -> Tensor:
        return functional.linear(x, weight, bias)

    def input_gradient(self, x: Tensor, weight: Tensor, error: Tensor, fixed: Any) -> Tensor:
        return error @ weight

    def weight_gradient(self, x: Tensor, weight: Tensor, error: Tensor, fixed: Any) -> Tensor:
        return error.reshape(-1, self.outputs).t() @ x.reshape(-1, self.units)

    def bias_gradient(self, error: Tensor) -> Tensor:
        return error.reshape(-1, self.outputs).sum(0)

    def rows(self, x: Tensor, count: int, stream: np.random.Generator) -> np.ndarray:
        batch = x.shape[0]
        by_example = x.reshape(batch, -1, self.units)
        example = torch.from_numpy(np.arange(count) % batch).to(x.device)
        place = torch.from_numpy(stream.integers(by_example.shape[1], size=count)).to(x.device)
        return by_example[example, place].float().cpu().numpy()

    def response(self, noise: np.ndarray) -> np.ndarray:
        return _response(self.module.weight, noise)


class Conv2d:
    """An `nn.Conv2d` of one group; its rows are the patches of its padded input."""

    def __init__(self, module: nn.Conv2d) -> None:
        self.module, self.outputs = module, module.out_channels
        self.units = module.in_channels * module.kernel_size[0] * module.kernel_size[1]

    def prepared(self, x: Tensor) -> tuple[Tensor, Any]:
        module = self.module
        plain = module.padding_mode == "zeros" and not isinstance(module.padding, str)
        padding = module.padding if plain else (0, 0)
        if not plain:
            mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
            x = functional.pad(x, module._reversed_padding_repeated_twice, mode=mode)
        return x, (module.stride, padding, module.dilation)

    def apply(self, x: Tensor, weight: Tensor, bias: Optional[Tensor], fixed: Any) -> Tensor:
        return functional.conv2d(x, weight, bias, *fixed)

    def input_gradient(self, x: Tensor, weight: Tensor, error: Tensor, fixed: Any) -> Tensor:
        return conv2d_input(x.shape, weight, error, *fixed)

    def weight_gradient(self, x: Tensor, weight: Tensor, error: Tensor, fixed: Any) -> Tensor:
        return conv2d_weight(x, weight.shape, error, *fixed)

    def bias_gradient(self, error: Tensor) -> Tensor:
        return error.sum((0, 2, 3))

    def rows(self, x: Tensor, count: int, stream: np.random.Generator) -> np.ndarray:
        stride, padding, dilation = self.prepared(x[:0])[1]
        x = functional.pad(x, (padding[1], padding[1], padding[0], padding[0]))
        example = np.arange(count) % x.shape[0]
        taken = []
        for axis in (0, 1):
            reach = dilation[axis] * (self.module.kernel_size[axis] - 1)
            first = stream.integers((x.shape[2 + axis] - reach - 1) // stride[axis] + 1, size=count) * stride[axis]
            taken.append(first[:, None] + np.arange(0, reach + 1, dilation[axis]))
        index = (example[:, None, None], taken[0][:, :, None], taken[1][:, None, :])
        here = [torch.from_numpy(part).to(x.device) for part in index]
        patches = x.permute(0, 2, 3, 1)[here[0], here[1], here[2]]
        return patches.permute(0, 3, 1, 2).reshape(count, self.units).float().cpu().numpy()

    def response(self, noise: np.ndarray) -> np.ndarray:
        return _response(self.module.weight, noise)


def _response(weight: Tensor, noise: np.ndarray) -> np.ndarray:
    """W xi for every row xi: what a forward pass with a row moved by xi shows at that place."""
    with torch.no_grad():
        rows = torch.from_numpy(noise).to(weight.device)
        return (rows @ weight.detach().reshape(len(weight), -1).t().float()).cpu().numpy()
