#!/usr/bin/env python3
"""What Python adds to asking for 16 perturbations of 512 units and telling what they did to 10 outputs, in microseconds.

    cargo build --release --workspace --lib --examples && python3 scripts/python_module.py
    PYTHONPATH=python python3 scripts/yardstick_python.py target/release/examples/ask_and_tell

Turns of both, medians of 400 rounds each; the activity is given anew each time, and the values are read.
"""

import statistics
import subprocess
import sys
import time

import nmnc
import numpy as np

UNITS, OUTPUTS, PROBES, ROUNDS, TURNS = 512, 10, 16, 400, 7


def python_side() -> float:
    rng = np.random.default_rng(1)
    activity = rng.normal(size=(256, UNITS)).astype(np.float32)
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=32).partial_fit(activity)
    row, changes, times = activity[:1], np.full((PROBES, OUTPUTS), 0.1, np.float32), []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        probes = est.ask(PROBES, row)
        values = probes.values
        est.tell(probes, changes)
        times.append(time.perf_counter() - start)
        assert values.shape == (PROBES, UNITS)
    return statistics.median(times) * 1e6


def main() -> None:
    rust, python = [], []
    for _ in range(TURNS):
        rust.append(float(subprocess.run(sys.argv[1:2], check=True, capture_output=True, text=True).stdout))
        python.append(python_side())
    added = [p - r for p, r in zip(python, rust)]
    for name, times in (("Rust", rust), ("Python", python), ("added", added)):
        print(f"{name:7} {statistics.median(times):7.1f} us  ({min(times):.1f} to {max(times):.1f}, {TURNS} turns)")


if __name__ == "__main__":
    main()
