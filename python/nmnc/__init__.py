"""Neural manifold noise correlation: credit assignment by perturbing activity and observing the output.

A black box is asked, and told what came of it:

>>> import numpy as np, nmnc
>>> est = nmnc.JacobianEstimator(units=512, outputs=10, dim=32, seed=0)

The method is that of B. Kang, M. Richards and B. L. Sabatini, "Credit Assignment via Neural Manifold Noise Correlation",
ICML 2026 (arXiv 2601.02636).
"""

from __future__ import annotations

from nmnc import errors
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

__all__ = [
    "BusyError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DeviceError",
    "DivergedError",
    "FileError",
    "JacobianEstimator",
    "NetworkError",
    "NmncError",
    "OutOfMemoryError",
    "Probes",
    "__version__",
    "errors",
]
