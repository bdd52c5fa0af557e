# %% [markdown]
# # Training analogue hardware in the loop
#
# A simulated chip computes 196 -> 256 -> 256 -> 10 (ReLU) with crossbars of analogue weights: they have few levels, each read is noisy, and
# each weight drifts at a rate of its own until it is written again. Its derivative is unknown. What it answers can be observed, and each
# *observation*, one example through the chip, costs the same. Which rule makes most of a budget of observations?
#
# All rules but SPSA know the error at the output and correct each layer by its own input and an error signal for its output; they differ in
# how they find that signal for the hidden layers:
#
# - `nmnc`: noise on the manifold of hidden activity teaches feedback weights B, and the signal is e B
# - `vnc`: the same with noise anywhere
# - `finite differences`: the same, but each probe moves one hidden unit
# - `node perturbation`: noise anywhere for each example, no memory
# - `spsa`: all weights move at once, in both directions; the change of the loss is the signal
# - `exact`: the derivative of the chip as it is at that moment, which no one outside of a simulation has

# %%
from __future__ import annotations

import argparse
import csv
import sys
from typing import Optional

import numpy as np
from common import Adam, cross_entropy, fashion

import nmnc

SIZES = (196, 256, 256, 256, 256, 10)
HIDDEN = len(SIZES) - 2
BATCH = 32
LEVELS = 31  # of a weight, over its range
READ_NOISE = 0.03  # of a layer's answer, over its root mean square
DRIFT = 2e-6  # median rate at which a weight decays, per observation since it was written


class Chip:
    """Analogue layers. Weights `[inputs, outputs]` are written as the nearest level and read with noise and drift."""

    def __init__(self, weights: list[np.ndarray], rng: np.random.Generator) -> None:
        self.rng, self.observations = rng, 0
        self.ranges = [4 / np.sqrt(len(w)) for w in weights]
        self.rates = [DRIFT * rng.lognormal(sigma=1.0, size=w.shape).astype(np.float32) for w in weights]
        self.levels = [np.full(w.shape, np.nan, np.float32) for w in weights]
        self.written = [np.zeros(w.shape, np.float32) for w in weights]
        self.write(weights)

    def write(self, weights: list[np.ndarray]) -> None:
        """Writes the weights whose level has changed."""
        for w, limit, levels, written in zip(weights, self.ranges, self.levels, self.written):
            wanted = np.round(np.clip(w / limit, -1, 1) * (LEVELS // 2)) / (LEVELS // 2) * limit
            changed = wanted != levels
            levels[changed], written[changed] = wanted[changed], self.observations

    def weights(self) -> list[np.ndarray]:
        """What the weights are by now."""
        parts = zip(self.levels, self.rates, self.written)
        return [levels * np.exp(-rates * (self.observations - written)) for levels, rates, written in parts]

    def read(self, x: np.ndarray, noise: Optional[dict] = None, offset: Optional[list] = None) -> list[np.ndarray]:
        """Activities of the hidden layers, and the output. `noise` is added to a hidden layer's, `offset` to the weights."""
        self.observations += len(x)
        activities = []
        for layer, w in enumerate(self.now):
            x = x @ (w if offset is None else w + offset[layer])
            x = x + READ_NOISE * np.sqrt(np.mean(x**2)) * self.rng.standard_normal(x.shape, np.float32)
            x = x if layer == len(self.now) - 1 else np.maximum(x, 0)
            x = x + noise[layer] if noise and layer in noise else x
            activities.append(x)
        return activities

    def settle(self) -> None:
        """Weights drift slowly: a step sees those of its beginning."""
        self.now = self.weights()


# %% [markdown]
# ## Where the signals come from
# The chosen settings: learning rate of Adam, size of the noise, steps between probes. They were chosen on seed 100 by `--tune`.

# %%
SETTINGS = {
    "nmnc": (1e-3, 0.3, 4),
    "vnc": (1e-3, 0.3, 4),
    "finite differences": (1e-3, 0.3, 4),
    "node perturbation": (3e-4, 0.3, 1),
    "spsa": (3e-4, 1e-2, 1),
    "exact": (1e-3, 0.0, 1),
}
GRID = {
    "nmnc": [(lr, s, k) for lr in (3e-4, 1e-3, 3e-3) for s in (0.1, 0.3, 1.0) for k in (2, 4, 8)],
    "vnc": [(lr, s, k) for lr in (3e-4, 1e-3, 3e-3) for s in (0.1, 0.3, 1.0) for k in (2, 4, 8)],
    "finite differences": [(lr, s, k) for lr in (3e-4, 1e-3, 3e-3) for s in (0.1, 0.3, 1.0) for k in (2, 4, 8)],
    "node perturbation": [(lr, s, 1) for lr in (1e-4, 3e-4, 1e-3, 3e-3) for s in (0.1, 0.3, 1.0)],
    "spsa": [(lr, s, 1) for lr in (1e-4, 3e-4, 1e-3, 3e-3) for s in (1e-3, 3e-3, 1e-2, 3e-2)],
    "exact": [(lr, 0.0, 1) for lr in (3e-4, 1e-3, 3e-3)],
}


class Signals:
    """Error signals of the hidden layers by one rule."""

    def __init__(self, rule: str, sigma: float, interval: int, seed: int) -> None:
        self.rule, self.sigma, self.interval, self.step = rule, sigma, interval, 0
        dim = 32 if rule == "nmnc" else None
        settings = {"estimator": "average", "eta": 0.1, "sigma": sigma, "seed": seed}
        self.estimators = [nmnc.JacobianEstimator(n, 10, dim, index=i, **settings) for i, n in enumerate(SIZES[1:-1])]
        self.columns = [np.zeros((10, n), np.float32) for n in SIZES[1:-1]]

    def __call__(self, chip: Chip, x: np.ndarray, activities: list[np.ndarray], e: np.ndarray) -> list[np.ndarray]:
        """Signals `[batch, n]` of the hidden layers; asks the chip when it is time."""
        due = self.step % self.interval == 0
        self.step += 1
        if self.rule != "exact":
            return [self.layer(i, chip, x, activities, e, due) for i in range(HIDDEN)]
        signals = [e]
        for i in reversed(range(HIDDEN)):
            gated = signals[0] if i == HIDDEN - 1 else signals[0] * (activities[i + 1] > 0)
            signals.insert(0, gated @ chip.now[i + 1].T)
        return signals[:-1]

    def layer(self, i: int, chip: Chip, x: np.ndarray, activities: list[np.ndarray], e: np.ndarray, due: bool) -> np.ndarray:
        own, y, est = activities[i], activities[-1], self.estimators[i]
        size = self.sigma * np.linalg.norm(own, axis=1).mean()
        if self.rule == "finite differences":
            if due:
                units = ((self.step - 1) // self.interval * BATCH + np.arange(BATCH)) % own.shape[1]
                noise = np.zeros_like(own)
                noise[np.arange(BATCH), units] = size
                # One answer a column, of one example: what was known counts as much as it does in the other rules.
                change = (chip.read(x, {i: noise})[-1] - y) / size
                self.columns[i][:, units] += 0.5 * (change.T - self.columns[i][:, units])
            return e @ self.columns[i]
        if due:
            probes = est.partial_fit(own).ask(BATCH)
            change = chip.read(x, {i: probes.values})[-1] - y
            if self.rule == "node perturbation":
                return (e * change).sum(1, keepdims=True) * probes.values * own.shape[1] / size**2
            est.tell(probes, change)
        return est.signal(e)


# %% [markdown]
# ## Training

# %%
def train(rule: str, seed: int, budget: int, settings: tuple[float, float, int]) -> float:
    """Test accuracy after `budget` observations."""
    rate, sigma, interval = settings
    rng = np.random.default_rng(seed)
    images, labels, test, test_labels = fashion()
    images, test = images.reshape(-1, 196), test.reshape(-1, 196)
    weights = [(rng.standard_normal((a, b), np.float32) * np.sqrt(2 / a)) for a, b in zip(SIZES, SIZES[1:])]
    chip, signals = Chip(weights, rng), Signals(rule, sigma, interval, seed)
    optimizer = Adam(weights, rate)
    while chip.observations < budget:
        rows = rng.integers(len(images), size=BATCH)
        x, y = images[rows], labels[rows]
        chip.settle()
        if rule == "spsa":
            signs = [rng.choice(np.float32([-1, 1]), w.shape) for w in weights]
            ahead, back = ([side * sigma * s / np.sqrt(len(s)) for s in signs] for side in (1, -1))
            change = cross_entropy(chip.read(x, offset=ahead)[-1], y)[0] - cross_entropy(chip.read(x, offset=back)[-1], y)[0]
            gradients = [change / (2 * sigma) * np.sqrt(len(s)) * s for s in signs]
        else:
            activities = chip.read(x)
            _, e = cross_entropy(activities[-1], y)
            gated = [s * (a > 0) for s, a in zip(signals(chip, x, activities, e), activities)]
            gradients = [a.T @ b for a, b in zip((x, *activities), (*gated, e))]
        optimizer.step(gradients, 1 - 0.9 * chip.observations / budget)
        chip.write(weights)
    chip.settle()
    return float(np.mean(chip.read(test)[-1].argmax(1) == test_labels))


# %%
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--budget", type=int, default=20_000, help="observations of a training")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tune", action="store_true", help="try the grid on seed 100")
    arguments = parser.parse_args()
    table = csv.writer(sys.stdout)
    if arguments.tune:
        for rule, grid in GRID.items():
            scores = [(train(rule, 100, arguments.budget, settings), settings) for settings in grid]
            table.writerow([rule, *max(scores)])
        return
    table.writerow(["rule", "seed", "observations", "test_accuracy"])
    for rule, settings in SETTINGS.items():
        for seed in range(arguments.seeds):
            table.writerow([rule, seed, arguments.budget, train(rule, seed, arguments.budget, settings)])


if __name__ == "__main__":
    main()
