"""Learning through a spiking network.

64 currents drive a recurrent network of 200 leaky integrate-and-fire neurons with fixed random weights for 30 time steps. What
is seen of it are spikes of ten groups of neurons, one for each class. Spikes have no derivative. A layer in front of it, 196
pixels -> 64 currents, is to learn which currents make the right group spike most: `nmnc.JacobianEstimator` asks the network
what small changes of the currents do.
"""

# %%
from __future__ import annotations

import argparse
import csv
import sys

import nmnc
import numpy as np
from common import Adam, cross_entropy, fashion

CURRENTS, NEURONS, STEPS, CLASSES = 64, 200, 30, 10


class Spiking:
    """Leaky integrate-and-fire neurons: v <- 0.9 v + current + recurrent input, a spike and a reset at 1."""

    def __init__(self, rng: np.random.Generator) -> None:
        connected = rng.random((NEURONS, NEURONS)) < 0.1
        self.recurrent = (connected * rng.normal(0, 0.08, (NEURONS, NEURONS))).astype(np.float32)
        self.inward = rng.normal(0, 1 / np.sqrt(CURRENTS), (CURRENTS, NEURONS)).astype(np.float32)
        self.groups = np.repeat(np.eye(CLASSES, dtype=np.float32), NEURONS // CLASSES, axis=0)

    def __call__(self, currents: np.ndarray) -> np.ndarray:
        """Spikes of each group per neuron, `[batch, 10]`, in answer to constant currents `[batch, 64]`."""
        drive = 0.15 + 0.15 * currents @ self.inward
        voltage, spikes, count = (np.zeros((len(currents), NEURONS), np.float32) for _ in range(3))
        for _ in range(STEPS):
            voltage = 0.9 * voltage * (1 - spikes) + drive + spikes @ self.recurrent
            spikes = (voltage > 1).astype(np.float32)
            count += spikes
        return count @ self.groups / (NEURONS // CLASSES)


# %% [markdown]
# ## Training
# Every fourth step the examples of the batch are asked once more with noise in their currents. The mean of a noisy count changes
# smoothly with the currents, though no single count does.


# %%
def train(rule: str, seed: int, steps: int) -> tuple[float, int]:
    """Test accuracy after some steps, and probes that were asked."""
    rng = np.random.default_rng(seed)
    images, labels, test, test_labels = fashion()
    images, test = images.reshape(-1, 196), test.reshape(-1, 196)
    network = Spiking(rng)
    weights = [rng.normal(0, 1 / 14, (196, CURRENTS)).astype(np.float32), np.zeros(CURRENTS, np.float32)]
    optimizer = Adam(weights, 2e-3)
    dim = 16 if rule == "nmnc" else None
    est = nmnc.JacobianEstimator(CURRENTS, CLASSES, dim, seed=seed, estimator="average", eta=0.1, sigma=0.3)
    for step in range(steps if rule != "untrained" else 0):
        rows = rng.integers(len(images), size=64)
        x = images[rows]
        currents = x @ weights[0] + weights[1]
        y = network(currents)
        _, e = cross_entropy(y, labels[rows])
        if step % 4 == 0:
            probes = est.partial_fit(currents).ask(len(x))
            est.tell(probes, network(currents + probes.values) - y)
        signal = est.signal(e)
        optimizer.step([x.T @ signal, signal.sum(0)], 1 - step / steps)
    accuracy = np.mean(network(test @ weights[0] + weights[1]).argmax(1) == test_labels)
    return float(accuracy), est.probes_


# %%
def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)
    table = csv.writer(sys.stdout)
    table.writerow(["rule", "seed", "steps", "probes", "test_accuracy"])
    for rule in ("untrained", "nmnc", "vnc"):
        for seed in range(arguments.seeds):
            accuracy, probes = train(rule, seed, arguments.steps)
            table.writerow([rule, seed, arguments.steps, probes, round(accuracy, 4)])


if __name__ == "__main__":
    main()
