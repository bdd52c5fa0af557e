"""Does variability lie where the signal lies?

If a brain found its credit by correlating its own variability with what comes of it, that variability should lie on the
manifold of its activity: noise elsewhere costs trials and teaches nothing. `nmnc.noise_alignment` measures this of repeated
trials. Here the truth is known: spike counts of 120 neurons with five kinds of variability, of which the measurement is told
nothing.

A recording of one's own is an array `[conditions, repeats, neurons]` of counts or rates in one window of time,
`np.load("counts.npy")` in place of `record(...)`. Trials that are missing are rows of NaN, four of each condition must be there,
and they should not drift together over the session. Counts of very active neurons dominate variances: take roots
(`np.sqrt(counts)`) where that is not meant.
"""

# %%
from __future__ import annotations

import argparse
import csv
import sys

import nmnc
import numpy as np

NEURONS, DIM, CONDITIONS = 120, 4, 60
COSINES = ["true_cosine", "cosine", "cosine_se", "isotropic", "limit"]
KINDS = ("on the manifold", "off the manifold", "shared gain", "independent", "few repeats")


def world(kind: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean rates `[conditions, neurons]`, directions of shared variability `[any, neurons]`, and axes of the signal."""
    axes = np.linalg.qr(rng.normal(size=(NEURONS, 2 * DIM)))[0].T
    rates = 12 + 16 * rng.normal(size=(CONDITIONS, DIM)) @ axes[:DIM] / np.sqrt(DIM) * 2
    gain = 0.15 * rates.mean(0, keepdims=True)
    shared = {"on the manifold": 9 * axes[:DIM], "off the manifold": 9 * axes[DIM:], "shared gain": gain}
    return np.maximum(rates, 0.5), shared.get(kind, np.zeros((1, NEURONS))), axes[:DIM]


def record(rates: np.ndarray, shared: np.ndarray, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Poisson counts `[conditions, repeats, neurons]` of rates that vary together from trial to trial."""
    common = rng.normal(size=(CONDITIONS, repeats, len(shared))) @ shared
    return rng.poisson(np.maximum(rates[:, None] + common, 0.0)).astype(np.float32)


# %% [markdown]
# ## The truth
# It is taken from as many trials as one likes: the covariance of the noise, the components of the mean rates, and correlations
# drawn with such noise (Gaussian, of that covariance), for rows of a Jacobian on the manifold.

# %%
def truth(rates: np.ndarray, shared: np.ndarray, trials: int, rng: np.random.Generator) -> tuple[float, float]:
    """Fraction of the noise on the leading components of the mean rates, and the cosine of correlation over some trials."""
    counts = np.concatenate([record(rates, shared, 50, rng) for _ in range(4)], axis=1).astype(np.float64)
    means = counts.mean(1)
    noise = (counts - means[:, None]).reshape(-1, NEURONS)
    S = noise.T @ noise / (len(noise) - CONDITIONS)
    U = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][:DIM]
    rows = rng.normal(size=(100, DIM)) @ U
    xi = rng.normal(size=(100, trials, NEURONS)) @ np.linalg.cholesky(S + 1e-9 * np.eye(NEURONS)).T
    estimates = np.einsum("rtn,rt->rn", xi, np.einsum("rtn,rn->rt", xi, rows))
    cosines = (estimates * rows).sum(1) / np.linalg.norm(estimates, axis=1) / np.linalg.norm(rows, axis=1)
    return float(np.trace(U @ S @ U.T) / np.trace(S)), float(cosines.mean())


# %% [markdown]
# ## What is measured
# `alpha` stands beside `shuffled`: what the variances of single neurons make, without any correlation. Independent neurons have no
# more than that,
# also where four repeats leave much noise in the means. `plain` is what one finds without cross-validation.

# %%
def measure(kind: str, seed: int) -> list[object]:
    rng = np.random.default_rng(seed)
    rates, shared, _ = world(kind, rng)
    true_alpha, true_cosine = truth(rates, shared, 64, rng)
    found = nmnc.noise_alignment(record(rates, shared, 4 if "few" in kind else 20, rng), dim=DIM, probes=[64], curve=8, seed=seed)
    numbers = [true_alpha, found.alpha, found.se, found.chance, found.shuffled, found.curve["plain"][DIM - 1], found.signal]
    numbers += [true_cosine, found.cosines["cosine"][0], found.cosines["se"][0], found.cosines["isotropic"][0], found.limit]
    return [kind, seed, *(round(float(number), 4) for number in numbers)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)
    table = csv.writer(sys.stdout)
    table.writerow("noise seed true_alpha alpha alpha_se chance shuffled plain signal".split() + COSINES)
    for kind in KINDS:
        for seed in range(arguments.seeds):
            table.writerow(measure(kind, seed))


if __name__ == "__main__":
    main()
