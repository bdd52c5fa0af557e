"""similarity.safetensors: regression by scikit-learn, kernel alignment and canonical correlation by numpy.

Partial least squares: PLSRegression of several sizes, with and without scaling,
some of deficient rank (within which scikit-learn is stable), and one that asks
for more components than the features' rank allows, where scikit-learn 1.9
divides rounding errors by rounding errors (predictions of 1e15) and the
expected values are those of minimum-norm least squares.
Ridge: Ridge for given penalties, and the penalty GridSearchCV finds, for all
responses together and for each alone, with KFold without shuffling.
CKA and SVCCA: written below from the formulas of Kornblith et al. 2019,
Song et al. 2012 (HSIC_1 as a sum over quadruples of distinct samples, which is
its definition) and Raghu et al. 2017.

Made with scikit-learn 1.9.1, numpy 2.4.6.
Rerun: python scripts/golden/similarity.py [--out FOLDER]
"""
import argparse
import itertools
import json
from pathlib import Path

import numpy as np
import sklearn
from safetensors.numpy import save
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
PENALTIES = [1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4]


def regression(stream, case):
    """Features of a given rank, responses that depend on them, test features of the same span."""
    n, m, p, q, rank = (case[k] for k in ("samples", "test", "features", "responses", "rank"))
    mix = stream.standard_normal((rank, p)) / np.sqrt(rank)
    latent = stream.standard_normal((n + m, rank)) * 0.9 ** np.arange(rank)
    x = latent @ mix + stream.standard_normal(p)
    y = latent @ stream.standard_normal((rank, q)) + stream.standard_normal((n + m, q)) + 3
    for kind in case.get("odd", []):
        if kind == "constant feature":
            x[:, 1] = 2.5
        if kind == "constant response":
            y[:, 0] = 1.0
        if kind == "equal responses":
            y[:, 2] = y[:, 1]
    return x[:n], y[:n], x[n:]


def pls(stream, tensors, cases):
    shapes = [
        dict(samples=60, test=9, features=30, responses=7, rank=30, components=25),
        dict(samples=40, test=9, features=80, responses=5, rank=80, components=25),
        dict(samples=50, test=9, features=12, responses=1, rank=12, components=8),
        dict(samples=50, test=9, features=20, responses=6, rank=6, components=6),
        dict(samples=45, test=9, features=25, responses=6, rank=25, components=10,
             odd=["constant feature", "constant response", "equal responses"]),
        dict(samples=30, test=9, features=40, responses=4, rank=5, components=25, least_squares=True),
    ]
    for index, shape in enumerate(shapes):
        x, y, test = regression(stream, shape)
        for scale in (False, True):
            name = f"pls.{index}.{'scaled' if scale else 'plain'}"
            if shape.get("least_squares"):
                deviation = x.std(axis=0, ddof=1) if scale else 1.0
                centered = (x - x.mean(axis=0)) / deviation
                coefficients = np.linalg.lstsq(centered, y - y.mean(axis=0), rcond=1e-10)[0]
                expected = (test - x.mean(axis=0)) / deviation @ coefficients + y.mean(axis=0)
            else:
                model = PLSRegression(n_components=shape["components"], scale=scale).fit(x, y)
                expected = model.predict(test).reshape(len(test), -1)
            tensors |= {f"{name}.x": x, f"{name}.y": y, f"{name}.test": test, f"{name}.expected": expected}
            cases[name] = dict(shape, scale=scale)


def ridge(stream, tensors, cases):
    shapes = [
        dict(samples=53, test=9, features=20, responses=6, rank=20, folds=5),
        dict(samples=40, test=9, features=90, responses=5, rank=90, folds=4),
        dict(samples=47, test=9, features=30, responses=5, rank=8, folds=3, odd=["constant feature", "constant response"]),
    ]
    for index, shape in enumerate(shapes):
        x, y, test = regression(stream, shape)
        name = f"ridge.{index}"
        # Responses of very different noise want different penalties.
        y = y * np.geomspace(1, 100, y.shape[1]) + stream.standard_normal(y.shape) * np.geomspace(0.1, 600, y.shape[1])
        tensors |= {f"{name}.x": x, f"{name}.y": y, f"{name}.test": test}
        for at, penalty in enumerate(PENALTIES):
            tensors[f"{name}.expected.{at}"] = Ridge(alpha=penalty).fit(x, y).predict(test)
        search = lambda target: GridSearchCV(
            Ridge(), {"alpha": PENALTIES}, cv=KFold(shape["folds"]), scoring="r2").fit(x, target).best_params_["alpha"]
        cases[name] = dict(shape, penalties=PENALTIES, shared=search(y),
                           each=[search(y[:, unit]) for unit in range(y.shape[1])])


def hsic_quadruples(k, l):
    """The unbiased estimate as the mean over all quadruples of distinct samples (Gretton et al. 2008, equation 3)."""
    total, count = 0.0, 0
    for i, j, q, r in itertools.permutations(range(len(k)), 4):
        total += k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q])
        count += 1
    return total / count


def hsic_closed(k, l):
    """Song et al. 2012, equation 4."""
    n = len(k)
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    return (np.trace(k @ l) + k.sum() * l.sum() / ((n - 1) * (n - 2)) - 2 * (k @ l).sum() / (n - 2)) / (n * (n - 3))


def cka(x, y, hsic):
    k, l = x @ x.T, y @ y.T
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def cka_biased(x, y):
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    norm = np.linalg.norm
    return norm(y.T @ x) ** 2 / (norm(x.T @ x) * norm(y.T @ y))


def kept(x, share):
    """Left singular vectors of the centered features that hold `share` of the variance."""
    u, s, _ = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    explained = np.cumsum(s ** 2) / np.sum(s ** 2)
    return u[:, : np.searchsorted(explained, share) + 1]


def svcca(x, y, share=0.99):
    a, b = kept(x, share), kept(y, share)
    return np.linalg.svd(a.T @ b, compute_uv=False).mean(), a.shape[1], b.shape[1]


def alignment(stream, tensors, cases):
    for index, (n, p, q, common) in enumerate([(10, 6, 8, 3), (40, 12, 70, 5), (60, 200, 20, 9)]):
        shared = stream.standard_normal((n, common))
        scale = lambda width: 0.7 ** np.arange(width)[None, :]
        x = (shared @ stream.standard_normal((common, p)) + stream.standard_normal((n, p))) * scale(p) + 5
        y = (shared @ stream.standard_normal((common, q)) + stream.standard_normal((n, q))) * scale(q) - 1
        name = f"alignment.{index}"
        tensors |= {f"{name}.x": x, f"{name}.y": y}
        correlation, kept_x, kept_y = svcca(x, y)
        case = dict(biased=cka_biased(x, y), unbiased=cka(x, y, hsic_closed), svcca=correlation,
                    kept=[kept_x, kept_y], samples=n, features=[p, q])
        if n <= 10:
            slow = cka(x, y, hsic_quadruples)
            assert abs(slow - case["unbiased"]) < 1e-10, (slow, case["unbiased"])
            case["unbiased"] = slow
        cases[name] = case


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    stream = np.random.default_rng(7)
    tensors, cases = {}, {}
    pls(stream, tensors, cases)
    ridge(stream, tensors, cases)
    alignment(stream, tensors, cases)
    table = {"made_by": "scripts/golden/similarity.py", "numpy": np.__version__, "sklearn": sklearn.__version__}
    table |= {name: json.dumps(case) for name, case in cases.items()}
    blob = save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, table)
    end = 8 + int.from_bytes(blob[:8], "little")
    header = json.dumps(json.loads(blob[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path = out / "similarity.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + blob[end:])
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
