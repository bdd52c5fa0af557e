"""A ResNet-18 in PyTorch without backprop.

A narrow ResNet-18 learns Fashion-MNIST, halved to 14 x 14 pixels. Its stages are its four layers of two residual blocks. The
loop is the usual one, with `rule.backward(x, y, loss)` in place of `loss(model(x), y).backward()`.

- `backprop`: autograd
- `mirror`: an error that comes down through feedback for every convolution, learned from noise on its own input
- `nmnc`: noise on the manifold of each layer's activity in every tenth step, and feedback from the output to each layer
- `vnc`: the same with noise anywhere
- `dfa`: fixed random feedback from the output to each layer
"""

# %%
from __future__ import annotations

import argparse
import csv
import sys

from common import fashion

try:
    import torch
except ImportError:
    print("PyTorch is not installed: passed over")
    raise SystemExit from None

from nmnc.torch import NoiseCorrelation
from torch import nn
from torch.nn.functional import cross_entropy

STAGES = ["layer1", "layer2", "layer3", "layer4"]


class Block(nn.Module):
    """The basic block of He et al. 2016."""

    def __init__(self, inward: int, outward: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(inward, outward, 3, stride, 1, bias=False), nn.BatchNorm2d(outward), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(outward, outward, 3, 1, 1, bias=False), nn.BatchNorm2d(outward))
        short = [nn.Conv2d(inward, outward, 1, stride, bias=False), nn.BatchNorm2d(outward)]
        self.short = nn.Sequential(*short) if stride != 1 or inward != outward else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.second(self.first(x)) + self.short(x))


class ResNet18(nn.Module):
    """Four layers of two blocks, `width` channels in the first. torchvision's `resnet18` works the same way, and is 64 wide."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.layer1 = nn.Sequential(Block(width, width, 1), Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.layer3 = nn.Sequential(Block(2 * width, 4 * width, 2), Block(4 * width, 4 * width, 1))
        self.layer4 = nn.Sequential(Block(4 * width, 8 * width, 2), Block(8 * width, 8 * width, 1))
        self.fc = nn.Linear(8 * width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(x.mean((2, 3)))


# %% [markdown]
# ## Training


# %%
def train(method: str, seed: int, steps: int) -> dict[str, object]:
    """Test accuracy, what was probed, and how well the gradients agree with those of autograd at the end, by layer."""
    torch.manual_seed(seed)
    images, labels, test, test_labels = (torch.from_numpy(part) for part in fashion())
    images, test = images[:, None], test[:, None]
    model = ResNet18()
    # A probe of a mirror is a patch of one map's input, not a forward pass.
    rule = NoiseCorrelation(model, STAGES, method, dim=64, interval=10, seed=seed, probes=4 if method == "mirror" else 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(steps):
        rows = torch.randint(len(images), (64,))
        optimizer.zero_grad()
        rule.backward(images[rows], labels[rows], cross_entropy)
        optimizer.step()
        schedule.step()
    agreement = rule.agreement(images[:256], labels[:256], cross_entropy).gradients
    model.eval()
    with torch.no_grad():
        accuracy = (model(test).argmax(1) == test_labels).float().mean().item()
    return {
        "test_accuracy": round(accuracy, 4),
        "probes_per_example": round(rule.probes / (64 * steps), 3),
        **{f"cosine_{name}": round(agreement[name], 3) for name in STAGES},
    }


# %%
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)
    torch.set_num_threads(1)
    table = None
    for method in ("backprop", "mirror", "nmnc", "vnc", "dfa"):
        for seed in range(arguments.seeds):
            row = {"rule": method, "seed": seed, "steps": arguments.steps, **train(method, seed, arguments.steps)}
            if table is None:
                table = csv.DictWriter(sys.stdout, row)
                table.writeheader()
            table.writerow(row)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
