"""ties.json: TwoNN and the maximum-likelihood dimension of points with equal distances, by their definitions in numpy.

Points are whole numbers from 0 to levels - 1 along each axis, by the formula of
`dimension.py`, so that squared distances are whole numbers and ties are exact.
The tests look at the same points as 0.3 + 0.1 k, whose distances differ by
rounding. Copies of a point are left out first.

Made with numpy 2.4.6. Rerun: python scripts/golden/ties.py [--out FOLDER]
"""
import argparse
import json
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
K = 20


def uniform(seed, count):
    """Numbers in (0, 1): SplitMix64 of the counter seed * 2^32 + i."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed << 32) + np.arange(count, dtype=np.uint64)
        z = (z + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def two_nn(squares):
    """The slope of -ln(1 - F) against ln mu through the origin, the largest tenth left out."""
    logs = np.sort(0.5 * np.log(squares[:, 1] / squares[:, 0]))
    kept = int(len(logs) * 0.9)
    rank = np.arange(1, kept + 1) / len(logs)
    x, y = logs[:kept], -np.log(1 - rank)
    return float(x @ y / (x @ x)) if x.any() else None


def mle(squares):
    """Inverse dimensions averaged over points."""
    logs = 0.5 * np.log(squares[:, K - 1 : K] / squares[:, : K - 1])
    return float(1 / logs.mean())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    cases = []
    for seed, levels, axes, points in [(1, 4, 5, 600), (2, 40, 3, 800), (3, 200, 3, 800), (4, 12, 2, 900)]:
        x = np.floor(uniform(seed, points * axes) * levels).astype(np.int64).reshape(points, axes)
        distinct = np.unique(x, axis=0)
        squares = ((distinct[:, None] - distinct[None]) ** 2).sum(axis=2)
        np.fill_diagonal(squares, np.iinfo(np.int64).max)
        nearest = np.sort(squares, axis=1)[:, :K].astype(np.float64)
        cases.append({
            "seed": seed, "levels": levels, "axes": axes, "points": points,
            "coincident": points - len(distinct),
            "tied": int((nearest[:, 0] == nearest[:, 1]).sum()),
            "two_nn": two_nn(nearest), "mle": mle(nearest)})
    text = json.dumps({"made_by": "scripts/golden/ties.py", "numpy": np.__version__, "k": K, "cases": cases}, indent=1)
    (out / "ties.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
