"""Neural manifold noise correlation: credit assignment by perturbing activity and observing the output.

A black box is asked, and told what came of it:

>>> import numpy as np, nmnc
>>> est = nmnc.JacobianEstimator(units=512, outputs=10, dim=32, seed=0)

A recording is looked at:

>>> manifold = nmnc.Manifold(dim=0.9).fit(np.random.default_rng(0).normal(size=(100, 20)))

The method is that of B. Kang, M. Richards and B. L. Sabatini, "Credit Assignment via Neural Manifold Noise Correlation",
ICML 2026 (arXiv 2601.02636).
"""

from __future__ import annotations

from nmnc import errors, rsa
from nmnc._native import Probes, __version__
from nmnc.errors import (
    BusyError,
    CheckpointError,
    ConfigError,
    DataError,
    DeviceError,
    DivergedError,
    FileError,
    NetworkError,
    NmncError,
    OutOfMemoryError,
)
from nmnc.estimator import JacobianEstimator
from nmnc.manifold import CapturedEnergy, Estimate, Manifold, captured_energy, participation_ratio, two_nn
from nmnc.network import Network
from nmnc.runs import Citation, Run, compare, load_run, train
from nmnc.trials import NoiseAlignment, noise_alignment, predicted_cosine

__all__ = [
    "BusyError",
    "CapturedEnergy",
    "CheckpointError",
    "Citation",
    "ConfigError",
    "DataError",
    "DeviceError",
    "DivergedError",
    "Estimate",
    "FileError",
    "JacobianEstimator",
    "Manifold",
    "Network",
    "NetworkError",
    "NmncError",
    "NoiseAlignment",
    "OutOfMemoryError",
    "Probes",
    "Run",
    "__version__",
    "captured_energy",
    "compare",
    "errors",
    "load_run",
    "noise_alignment",
    "participation_ratio",
    "predicted_cosine",
    "rsa",
    "train",
    "two_nn",
]
