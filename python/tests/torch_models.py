"""Small models that several tests share."""

from __future__ import annotations

import torch
from torch import nn

torch.set_num_threads(1)


def linear_chain(seed: int = 0) -> nn.Sequential:
    """12 -> 10 -> 8 -> 4 without nonlinearities: every Jacobian is the same at every example."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 10), nn.Linear(10, 8), nn.Linear(8, 4))


def chain(seed: int = 0) -> nn.Sequential:
    """A nonlinear one with batch normalisation and dropout; stages are "3" and "5"."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Linear(12, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Dropout(0.2), nn.Linear(20, 16), nn.Tanh(), nn.Linear(16, 5)
    )  # fmt: skip


def batch(rows: int = 32, units: int = 12, classes: int = 4, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and labels."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, units, generator=generator), torch.randint(classes, (rows,), generator=generator)


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of all gradients by name."""
    return {name: own.grad.clone() for name, own in model.named_parameters() if own.grad is not None}


def by_autograd(model: nn.Module, x: torch.Tensor, y: torch.Tensor, loss_fn) -> dict[str, torch.Tensor]:
    """What autograd gives, at the random numbers of now; the model's gradients are then none."""
    model.zero_grad()
    loss_fn(model(x), y).backward()
    found = gradients(model)
    model.zero_grad()
    return found


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest relative difference of any parameter's gradient, where gradients below a thousandth of all count as that."""
    assert a.keys() == b.keys()
    least = 1e-3 * float(torch.cat([own.reshape(-1) for own in b.values()]).norm())
    return max(float((a[name] - b[name]).norm()) / max(float(b[name].norm()), least) for name in b)
