"""Noise correlation for networks written in PyTorch.

`NoiseCorrelation` fills the gradients of a `torch.nn.Module` from local signals, `black_box` puts a function without derivatives
into one. PyTorch is an optional dependency: `import nmnc` never needs it, this module does.
"""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError("nmnc.torch: PyTorch is not installed; pip install torch") from error

from ._agreement import Agreement
from .blackbox import BlackBox, black_box
from .rule import METHODS, NoiseCorrelation

__all__ = ["METHODS", "Agreement", "BlackBox", "NoiseCorrelation", "black_box"]
