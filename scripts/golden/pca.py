"""pca.safetensors: principal components by scikit-learn's full SVD.

Activity with a decaying spectrum and a mean away from zero, once with more
samples than units (`tall`, [60, 40]) and once with fewer (`wide`, [30, 200]):
mean, every explained variance (n - 1 in the denominator) and its ratio, the
first ten components as rows. `randomized_singular_values` are what
randomized_svd(n_components=10, random_state=0) gives on the centred data; they
are for reference, the exact ones are sqrt((n - 1) * explained_variance).
A component's sign is a convention: compare up to sign, or compare projectors.

Made with scikit-learn 1.9.1, numpy 2.4.6, safetensors 0.8.0; every file names
its own versions. Rerun: python scripts/golden/pca.py [--out FOLDER]
"""
import torch
from sklearn.decomposition import PCA
from sklearn.utils.extmath import randomized_svd

from common import Draw, out_folder, write

TOP = 10


def activity(samples, units, decay, draw):
    """Samples x units: standard deviations 3 * decay^k along random axes."""
    rank = min(samples, units)
    axes = torch.linalg.qr(draw(units, rank)).Q
    scales = 3 * decay ** torch.arange(rank)
    x = draw(samples, rank) * scales @ axes.T + draw(units)
    return x.float().double()


def describe(x):
    pca = PCA(svd_solver="full").fit(x.numpy())
    centred = x.numpy() - pca.mean_
    _, values, _ = randomized_svd(centred, n_components=TOP, random_state=0)
    return {"x": x} | {name: torch.from_numpy(array) for name, array in {
        "mean": pca.mean_,
        "explained_variance": pca.explained_variance_,
        "explained_variance_ratio": pca.explained_variance_ratio_,
        "components": pca.components_[:TOP],
        "randomized_singular_values": values,
    }.items()}


def main():
    out, draw, tensors = out_folder(__doc__), Draw(500), {}
    for name, x in {"tall": activity(60, 40, 0.8, draw),
                    "wide": activity(30, 200, 0.85, draw)}.items():
        tensors |= {f"{name}.{key}": t for key, t in describe(x).items()}
    write(out / "pca.safetensors", __file__, tensors, top=TOP)


if __name__ == "__main__":
    main()
