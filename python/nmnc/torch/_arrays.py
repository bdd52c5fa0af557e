"""Tensors as what estimators take, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor


def rows(tensor: Tensor) -> np.ndarray:
    """A tensor `[batch, ...]` as an array `[batch, n]` in single precision; it shares no memory that a model may write to."""
    flat = tensor.detach().reshape(tensor.shape[0], -1)
    return flat.to(device="cpu", dtype=torch.float32, copy=True).numpy()


def like(array: np.ndarray, tensor: Tensor) -> Tensor:
    """An array of as many numbers as `tensor` in its shape, type and place."""
    return torch.from_numpy(np.ascontiguousarray(array)).to(tensor).reshape(tensor.shape)


def as_tensors(state: Any) -> Any:
    """An estimator's state with tensors for arrays, which `torch.save` keeps and `torch.load(weights_only=True)` gives back."""
    if isinstance(state, dict):
        return {name: as_tensors(part) for name, part in state.items()}
    return torch.from_numpy(state.copy()) if isinstance(state, np.ndarray) else state


def as_arrays(state: Any) -> Any:
    """What `as_tensors` was given."""
    if isinstance(state, dict):
        return {name: as_arrays(part) for name, part in state.items()}
    return state.detach().cpu().numpy() if isinstance(state, Tensor) else state


def call(model: torch.nn.Module, x: Any) -> Any:
    """`model(x)`; a tuple or list holds positional, a mapping named arguments."""
    if isinstance(x, (tuple, list)):
        return model(*x)
    if isinstance(x, dict):
        return model(**x)
    return model(x)
