"""dimension.json: dimension estimates by scikit-dimension on known manifolds.

Four manifolds, each embedded in 50 and in 500 dimensions, clean and with
isotropic noise: a hyperplane (uniform on [0, 1]^5), the sphere S^3, the Swiss
roll, and a Gaussian with variances 0.8^k, k = 0..9. Inputs are not stored but
made on both sides from the same formulas: uniform numbers by SplitMix64 of a
counter, normal ones by Box-Muller, and a basis of cosines.

Values: TwoNN (method "linear", a tenth discarded), MLE with K = 20 (inverses
averaged over points), the participation ratio of lPCA.

Made with scikit-dimension 0.5.0, numpy 2.4.6.
Rerun: python scripts/golden/dimension.py [--out FOLDER]
"""
import argparse
import json
from pathlib import Path

import numpy as np
import skdim

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
POINTS = 800
K = 20
# Norm of the noise over the root of the number of dimensions times this.
NOISE = 0.02


def uniform(seed, count):
    """Numbers in (0, 1): SplitMix64 of the counter seed * 2^32 + i."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed << 32) + np.arange(count, dtype=np.uint64)
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def normal(seed, count):
    u = uniform(seed, 2 * count).reshape(-1, 2)
    return np.sqrt(-2 * np.log(u[:, 0])) * np.cos(2 * np.pi * u[:, 1])


def hyperplane():
    return uniform(1, 5 * POINTS).reshape(-1, 5)


def sphere():
    x = normal(2, 4 * POINTS).reshape(-1, 4)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def swiss_roll():
    u = uniform(3, 2 * POINTS).reshape(-1, 2)
    t = 1.5 * np.pi * (1 + 2 * u[:, 0])
    return np.stack([t * np.cos(t), 21 * u[:, 1], t * np.sin(t)], axis=1)


def gaussian():
    return normal(4, 10 * POINTS).reshape(-1, 10) * np.sqrt(0.8 ** np.arange(10))


def embed(latent, dimensions, noise):
    """Along the cosines 1, 2, ... of the discrete cosine transform, from a mean of 1."""
    i, k = np.arange(dimensions), np.arange(1, latent.shape[1] + 1)
    basis = np.sqrt(2 / dimensions) * np.cos(np.pi * np.outer(k, i + 0.5) / dimensions)
    x = latent @ basis + 1
    if noise:
        x = x + NOISE / np.sqrt(dimensions) * normal(5, x.size).reshape(x.shape)
    return x


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    cases = []
    for manifold in (hyperplane, sphere, swiss_roll, gaussian):
        for dimensions in (50, 500):
            for noise in (False, True):
                x = embed(manifold(), dimensions, noise)
                cases.append({
                    "manifold": manifold.__name__, "dimensions": dimensions, "noise": noise,
                    "first": x[0, :3].tolist(),
                    "two_nn": float(skdim.id.TwoNN().fit(x).dimension_),
                    "mle": float(skdim.id.MLE(K=K).fit(x).dimension_),
                    "participation_ratio":
                        float(skdim.id.lPCA(ver="participation_ratio").fit(x).dimension_),
                })
    text = json.dumps({
        "made_by": "scripts/golden/dimension.py", "scikit-dimension": skdim.__version__,
        "numpy": np.__version__, "points": POINTS, "k": K, "cases": cases}, indent=1)
    (out / "dimension.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
