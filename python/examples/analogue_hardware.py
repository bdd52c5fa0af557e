"""Training analogue hardware in the loop.

A simulated chip computes 196 -> n -> n -> 10 (ReLU) with crossbars of analogue weights: they have few levels, each read is
noisy, and each weight drifts at a rate of its own until it is written again. Its derivative is unknown. What it answers can be
observed, and each *observation*, one example through the chip, costs the same. Which rule makes most of a budget of
observations?

All rules but SPSA know the error at the output and correct each layer by its own input and an error signal for its output; they
differ in how they find that signal for the hidden layers:

- `nmnc`: noise on the manifold of hidden activity teaches feedback weights B, and the signal is e B
- `vnc`: the same with noise anywhere
- `finite differences`: the same, but each probe moves one hidden unit
- `node perturbation`: noise anywhere for each example, no memory
- `spsa`: all weights move at once, in both directions; the change of the loss is the signal
- `exact`: the derivative of the chip as it is at that moment, which no one outside of a simulation has
"""

# %%
from __future__ import annotations

import argparse
import csv
import sys
from typing import Optional

import nmnc
import numpy as np
from common import cross_entropy, fashion

# Hidden units, noise of a layer's answer over its root mean square, and observations of a training.
SETUPS = {"narrow": (128, 0.05, 4000), "long": (128, 0.05, 20_000), "wide": (1024, 0.2, 4000)}
BATCH = 32
LEVELS = 127  # of a weight, over its range
DRIFT = 2e-6  # median rate at which a weight decays, per observation since it was written
HIDDEN = 2


class Chip:
    """Analogue layers. Weights `[inputs, outputs]` are written as the nearest level and read with noise and drift."""

    def __init__(self, weights: list[np.ndarray], noise: float, rng: np.random.Generator) -> None:
        self.noise, self.rng, self.observations = noise, rng, 0
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
        return [levels * (1 - rates * (self.observations - written)) for levels, rates, written in parts]

    def read(self, x: np.ndarray, move: Optional[dict] = None, offset: Optional[list] = None) -> list[np.ndarray]:
        """Activities of the hidden layers, and the output. `move` is added to a hidden layer's, `offset` to the weights."""
        self.observations += len(x)
        activities = []
        for layer, w in enumerate(self.now):
            x = x @ (w if offset is None else w + offset[layer])
            x = x + self.noise * np.sqrt(np.mean(x**2)) * self.rng.standard_normal(x.shape, np.float32)
            x = x if layer == len(self.now) - 1 else np.maximum(x, 0)
            x = x + move[layer] if move and layer in move else x
            activities.append(x)
        return activities

    def settle(self) -> None:
        """Weights drift slowly: a step sees those of its beginning."""
        self.now = self.weights()


# %% [markdown]
# ## Where the signals come from
# Rate of gradient descent (momentum 0.9) and size of the noise, as `--tune` chose them on seed 100, which is none of the seeds
# that count.

# %%
SETTINGS = {
    "wide": {
        "nmnc": (0.02, 0.5),
        "vnc": (0.02, 1.5),
        "finite differences": (0.05, 1.5),
        "node perturbation": (0.005, 1.5),
        "spsa": (3e-5, 0.3),
        "exact": (0.1, 0.0),
    },
    "narrow": {
        "nmnc": (0.1, 0.5),
        "vnc": (0.05, 0.5),
        "finite differences": (0.05, 1.5),
        "node perturbation": (0.02, 1.5),
        "spsa": (1e-4, 0.03),
        "exact": (0.05, 0.0),
    },
    "long": {
        "nmnc": (0.05, 1.5),
        "vnc": (0.02, 0.5),
        "finite differences": (0.02, 1.5),
        "node perturbation": (0.01, 1.5),
        "spsa": (1e-4, 0.03),
        "exact": (0.05, 0.0),
    },
}
COMMON = [(rate, sigma) for rate in (0.02, 0.05, 0.1) for sigma in (0.5, 1.5)]
GRID = {
    "nmnc": COMMON,
    "vnc": COMMON,
    "finite differences": COMMON,
    "node perturbation": [(rate, sigma) for rate in (0.005, 0.01, 0.02) for sigma in (0.5, 1.5)],
    "spsa": [(rate, sigma) for rate in (3e-5, 1e-4, 1e-3) for sigma in (0.03, 0.3)],
    "exact": [(rate, 0.0) for rate in (0.02, 0.05, 0.1)],
}


class Signals:
    """Error signals of the hidden layers by one rule."""

    def __init__(self, rule: str, units: int, sigma: float, seed: int) -> None:
        # A node perturbation remembers nothing and has to ask in every step, the others in every fourth.
        self.rule, self.sigma, self.interval, self.step = rule, sigma, 1 if rule == "node perturbation" else 4, 0
        dim = 32 if rule == "nmnc" else None
        settings = {"estimator": "average", "eta": 0.1, "sigma": sigma or 1.0, "seed": seed}
        self.estimators = [nmnc.JacobianEstimator(units, 10, dim, index=i, **settings) for i in range(HIDDEN)]
        self.columns = [np.zeros((10, units), np.float32) for _ in range(HIDDEN)]

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
def train(setup: str, rule: str, seed: int, budget: int, settings: tuple[float, float]) -> float:
    """Test accuracy after `budget` observations."""
    rate, sigma = settings
    units, noise, _ = SETUPS[setup]
    rng = np.random.default_rng(seed)
    images, labels, test, test_labels = fashion()
    images, test = images.reshape(-1, 196), test.reshape(-1, 196)
    # Small weights between the hidden layers and none at the output: what is learned then outweighs what was drawn.
    shapes = ((196, units, 1.0), (units, units, 0.3), (units, 10, 0.0))
    weights = [scale * np.sqrt(2 / a, dtype=np.float32) * rng.standard_normal((a, b), np.float32) for a, b, scale in shapes]
    weights = [w.astype(np.float32) for w in weights]
    momentum = [np.zeros_like(w) for w in weights]
    chip, signals = Chip(weights, noise, rng), Signals(rule, units, sigma, seed)
    while chip.observations < budget:
        rows = rng.integers(len(images), size=BATCH)
        x, y = images[rows], labels[rows]
        chip.settle()
        if rule == "spsa":
            signs = [rng.choice(np.float32([-1, 1]), w.shape) for w in weights]
            ahead, back = ([side * sigma / np.sqrt(len(s)) * s for s in signs] for side in (1, -1))
            ahead, back = (cross_entropy(chip.read(x, offset=offset)[-1], y)[0] for offset in (ahead, back))
            gradients = [(ahead - back) / (2 * sigma) * np.sqrt(len(s)) * s for s in signs]
        else:
            activities = chip.read(x)
            _, e = cross_entropy(activities[-1], y)
            gated = [s * (a > 0) for s, a in zip(signals(chip, x, activities, e), activities)]
            gradients = [a.T @ b for a, b in zip((x, *activities), (*gated, e))]
        for w, m, g in zip(weights, momentum, gradients):
            m *= 0.9
            m += g
            w -= rate * (1 - 0.9 * chip.observations / budget) * m
        chip.write(weights)
    chip.settle()
    return float(np.mean(chip.read(test)[-1].argmax(1) == test_labels))


# %%
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--setup", choices=SETUPS, default="narrow")
    parser.add_argument("--budget", type=int, help="observations of a training; those of the setup when left out")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tune", action="store_true", help="try the grid on seed 100")
    arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)
    setup = arguments.setup
    budget = arguments.budget or SETUPS[setup][2]
    table = csv.writer(sys.stdout)
    table.writerow(["setup", "rule", "seed", "observations", "rate", "sigma", "test_accuracy"])
    for rule, chosen in SETTINGS[setup].items():
        for settings in GRID[rule] if arguments.tune else [chosen]:
            for seed in [100] if arguments.tune else range(arguments.seeds):
                accuracy = train(setup, rule, seed, budget, settings)
                table.writerow([setup, rule, seed, budget, *settings, round(accuracy, 4)])
                sys.stdout.flush()


if __name__ == "__main__":
    main()
