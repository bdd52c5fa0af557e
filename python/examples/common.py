"""What the examples share: the sample of Fashion-MNIST in this repository, a loss and an optimizer in numpy."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

SAMPLE = Path(__file__).resolve().parents[2] / "crates" / "nmnc-data" / "src" / "sample"


def fashion() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """6000 training and 1000 test images `[n, 14, 14]`, halved in size and standardized, each with its labels."""
    parts = []
    for name in ("train", "t10k"):
        images = np.frombuffer(gzip.decompress((SAMPLE / f"{name}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
        labels = np.frombuffer(gzip.decompress((SAMPLE / f"{name}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
        halved = images.reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype(np.float32) / 255
        parts += [(halved - 0.286) / 0.33, labels.astype(np.int64)]
    return tuple(parts)


def cross_entropy(y: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean cross-entropy of outputs `[batch, classes]`, and its derivative by them."""
    p = np.exp(y - y.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    rows = np.arange(len(y))
    loss = -np.log(p[rows, labels] + 1e-12).mean()
    p[rows, labels] -= 1
    return float(loss), p / len(y)


class Adam:
    """Adam (Kingma and Ba 2015) on arrays in place."""

    def __init__(self, weights: list[np.ndarray], rate: float) -> None:
        self.weights, self.rate, self.steps = weights, rate, 0
        self.mean, self.square = ([np.zeros_like(w) for w in weights] for _ in range(2))

    def step(self, gradients: list[np.ndarray], factor: float = 1.0) -> None:
        """Moves against the gradients, at `factor` times the rate."""
        self.steps += 1
        for w, m, s, g in zip(self.weights, self.mean, self.square, gradients):
            m += 0.1 * (g - m)
            s += 0.01 * (g * g - s)
            w -= self.rate * factor * (m / (1 - 0.9**self.steps)) / (np.sqrt(s / (1 - 0.99**self.steps)) + 1e-8)
