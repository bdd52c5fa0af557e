"""psychometric.json: psychometric curves by scipy's optimizers.

Counts are drawn from a cumulative Gaussian with lapses at both ends, at the
strengths of tasks and at others. The likeliest curve with both lapses in
[0, 0.2] is that of the best of many starts of L-BFGS-B, polished by the simplex
of Nelder and Mead; probabilities by scipy.stats. Standard errors are from the
expected information, with derivatives of the curve by central differences,
over the parameters that are not at a bound.

Made with scipy 1.17.1, numpy 2.4.6.
Rerun: python scripts/golden/psychometric.py [--out FOLDER]
"""
import argparse
import json
from pathlib import Path

import numpy as np
import scipy
from scipy.optimize import minimize
from scipy.stats import norm

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
LIMIT = 0.2
COHERENCES = [-51.2, -25.6, -12.8, -6.4, 0.0, 6.4, 12.8, 25.6, 51.2]
CONTEXT = [-50.0, -15.0, -5.0, 5.0, 15.0, 50.0]
EVEN = list(np.linspace(-0.004, 0.012, 11))
# Strengths, mu, sigma, lapses, trials a strength.
CASES = [
    (COHERENCES, 0.0, 10.0, 0.0, 0.0, 100),
    (COHERENCES, 2.0, 8.0, 0.05, 0.02, 110),
    (COHERENCES, -4.0, 15.0, 0.1, 0.1, 400),
    (COHERENCES, 1.0, 20.0, 0.0, 0.15, 200),
    (COHERENCES, 0.0, 12.0, 0.3, 0.0, 1000),
    (CONTEXT, 0.0, 9.0, 0.02, 0.02, 170),
    (CONTEXT, 3.0, 14.0, 0.0, 0.08, 500),
    (CONTEXT, -2.0, 25.0, 0.04, 0.0, 300),
    (EVEN, 0.003, 0.002, 0.02, 0.06, 150),
    (EVEN, 0.005, 0.001, 0.1, 0.01, 90),
    (EVEN, 0.004, 0.004, 0.0, 0.0, 250),
    ([x + 1000.0 for x in COHERENCES], 1001.0, 9.0, 0.03, 0.03, 120),
]


def curve(theta, x):
    mu, log_sigma, low, high = theta
    return low + (1 - low - high) * norm.cdf((x - mu) / np.exp(log_sigma))


def loss(theta, x, n, k):
    p = np.clip(curve(theta, x), 1e-12, 1 - 1e-12)
    return -np.sum(k * np.log(p) + (n - k) * np.log1p(-p))


def likeliest(x, n, k):
    """mu, ln sigma and lapses, with strengths in [-1, 1]."""
    bounds = [(-1, 1), (np.log(1e-3), np.log(10)), (0, LIMIT), (0, LIMIT)]
    best = None
    for mu in np.linspace(-0.8, 0.8, 9):
        for sigma in [0.03, 0.1, 0.3, 1.0]:
            for lapse in [0.0, 0.05]:
                found = minimize(loss, [mu, np.log(sigma), lapse, lapse],
                                 (x, n, k), method="L-BFGS-B", bounds=bounds,
                                 options={"ftol": 1e-15, "gtol": 1e-10})
                if best is None or found.fun < best.fun:
                    best = found
    for _ in range(3):
        found = minimize(loss, best.x, (x, n, k), method="Nelder-Mead",
                         bounds=bounds, options={"xatol": 1e-12,
                                                 "fatol": 1e-13,
                                                 "maxiter": 20000,
                                                 "maxfev": 20000})
        best = found if found.fun < best.fun else best
    return best.x, best.fun


def errors(theta, x, n):
    """Covariance of the four, 0 where one is at a bound."""
    step = 1e-5
    free = [i for i in range(4)
            if i < 2 or 1e-7 < theta[i] < LIMIT - 1e-7]
    slopes = []
    for i in free:
        by = np.zeros(4)
        by[i] = step
        slopes.append((curve(theta + by, x) - curve(theta - by, x)) / 2 / step)
    slopes = np.array(slopes)
    p = curve(theta, x)
    information = (slopes * n / (p * (1 - p))) @ slopes.T
    found = np.zeros((4, 4))
    found[np.ix_(free, free)] = np.linalg.inv(information)
    return found, free


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    rng = np.random.default_rng(20261127)
    cases = []
    for strengths, mu, sigma, low, high, trials in CASES:
        x = np.array(strengths)
        n = rng.integers(trials * 4 // 5, trials * 6 // 5, len(x))
        truth = np.array([mu, np.log(sigma), low, high])
        k = rng.binomial(n, curve(truth, x))
        middle, unit = (x.max() + x.min()) / 2, (x.max() - x.min()) / 2
        theta, fun = likeliest((x - middle) / unit, n, k)
        covariance, free = errors(theta, (x - middle) / unit, n)
        saturated = np.clip(k / n, 1e-12, 1 - 1e-12)
        most = np.sum(k * np.log(saturated) + (n - k) * np.log1p(-saturated))
        sigma = unit * np.exp(theta[1])
        rise = 1 - theta[2] - theta[3]
        steepest = norm.pdf(0) / sigma
        by = np.array([0, rise * steepest, steepest, steepest])
        se = np.sqrt(np.diag(covariance))
        cases.append({
            "strength": x.tolist(), "trials": n.tolist(),
            "chosen": k.tolist(),
            "mu": middle + unit * theta[0], "mu_se": unit * se[0],
            "sigma": sigma, "sigma_se": sigma * se[1],
            "slope": rise * steepest,
            "slope_se": float(np.sqrt(by @ covariance @ by)),
            "lapse_low": theta[2],
            "lapse_low_se": se[2] if 2 in free else None,
            "lapse_high": theta[3],
            "lapse_high_se": se[3] if 3 in free else None,
            "deviance": 2 * (most + fun),
        })
    table = {"made_by": "scripts/golden/psychometric.py",
             "numpy": np.__version__, "scipy": scipy.__version__,
             "cases": cases}
    (out / "psychometric.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
