"""alignment.safetensors: exact Jacobians against the manifold of activity.

For every stage l of the network of network.py, on its seven examples: the
Jacobian dy/dx_l of the logits for each example, their mean, the top-3
principal components of x_l as orthonormal columns, the captured energy
||J U||_F^2 / ||J||_F^2 (both sums over all examples) and the principal angles,
in radians and descending, between the row space of the mean Jacobian and the
basis. Logits are taken as they are: their mean over outputs is not removed.

Made with torch 2.15.0, scikit-learn 1.9.1, scipy 1.17.1, numpy 2.4.6,
safetensors 0.8.0; every file names its own versions.
Rerun: python scripts/golden/alignment.py [--out FOLDER]
"""
import torch
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA
from torch.autograd.functional import jacobian

import network
from common import out_folder, write

DIMENSION = 3


def jacobians(index, table, activity):
    return torch.stack([
        jacobian(lambda a: network.onward(index, table, a[None])[0], example)
        for example in activity
    ])


def describe(index, table, activity):
    found = jacobians(index, table, activity)
    mean = found.mean(0)
    pca = PCA(DIMENSION, svd_solver="full").fit(activity.numpy())
    basis = torch.from_numpy(pca.components_.T)
    energy = (found @ basis).square().sum() / found.square().sum()
    angles = subspace_angles(mean.T.numpy(), basis.numpy())
    return {
        "activity": activity,
        "jacobian": found,
        "mean_jacobian": mean,
        "basis": basis,
        "captured_energy": energy.reshape(1),
        "principal_angles": torch.from_numpy(angles.copy()),
    }


def main():
    out, tensors = out_folder(__doc__), {}
    table, x, labels = network.make()
    signals = network.gradients("cross_entropy", table, x, labels)
    for index, activity in enumerate(network.activities(table, x)):
        made = describe(index, table, activity)
        delta = torch.einsum("bo,bon->bn", signals["error"], made["jacobian"])
        torch.testing.assert_close(delta, signals[f"delta.{index}"])
        tensors |= {f"stage.{index}.{key}": t for key, t in made.items()}
    write(out / "alignment.safetensors", __file__, tensors,
          dimension=DIMENSION)


if __name__ == "__main__":
    main()
