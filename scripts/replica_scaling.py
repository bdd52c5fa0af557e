#!/usr/bin/env python3
"""Times of one training by replicas in one process and in two, all in turns.

    python3 scripts/replica_scaling.py DATA [--nmnc target/release/nmnc] [--repeats 4] > times.csv

Two cores, conv3 of 32-64-128 channels, one epoch of 6,400 pictures of DATA in batches of 128 (strong scaling), or of 12,800 in batches of
256 by two replicas (weak). Needs `mpirun`, and a program that was built with `--features mpi`.
"""
import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

BASE = """
[network]
preset = "conv3"
widths = [32, 64, 128]

[train]
epochs = 1

[metrics]
interval = 1000
alignment_interval = 0

[credit]
"""
RULES = {"bp": 'rule = "bp"', "nmnc": 'rule = "nmnc"\ninterval = 10\nmanifold = { dimension = 64 }'}
MPIRUN = ["mpirun", "--bind-to", "core", "-n", "2"]
# What it is called, how it is started, threads of a process, replicas, more settings, whether there are pictures for both replicas.
WAYS = [
    ("one process on one core", ["taskset", "-c", "0"], 1, 1, [], False),
    ("two processes", MPIRUN, 1, 2, [], False),
    ("two processes", MPIRUN, 1, 2, [], True),
    ("two processes reduced", MPIRUN, 1, 2, ['train.sums="reduced"'], False),
    ("two processes reduced", MPIRUN, 1, 2, ['train.sums="reduced"'], True),
    ("two replicas in one process", [], 2, 2, [], False),
    ("one process on two cores", [], 2, 1, [], False),
]


def seconds(nmnc, data, credit, launcher, threads, replicas, more, weak):
    """Seconds of training, without evaluation, as the run's summary has them."""
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / "run.toml").write_text(BASE + credit)
        share = 2 if weak else 1
        settings = [f"data.source={data}", f"data.train_limit={6400 * share}", "data.test_limit=500", f"train.batch={128 * share}", *more]
        settings += [f"train.replicas={replicas}"] if replicas > 1 else []
        command = [*launcher, nmnc, "train", str(folder / "run.toml"), "--threads", str(threads), "--quiet", "--out", str(folder / "run")]
        command += [word for setting in settings for word in ("--set", setting)]
        root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        done = subprocess.run(command, env=os.environ | root, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"error: {' '.join(command)}: {done.stderr}")
        return json.loads((folder / "run" / "summary.json").read_text())["seconds"]
    finally:
        shutil.rmtree(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("data")
    parser.add_argument("--nmnc", default="target/release/nmnc")
    parser.add_argument("--repeats", type=int, default=4)
    arguments = parser.parse_args()
    nmnc, data = str(Path(arguments.nmnc).resolve()), str(Path(arguments.data).resolve())
    out = csv.writer(sys.stdout)
    out.writerow(["rule", "how", "scaling", "batch", "repeat", "seconds"])
    for repeat in range(arguments.repeats):
        for rule, credit in RULES.items():
            for how, launcher, threads, replicas, more, weak in WAYS:
                taken = seconds(nmnc, data, credit, launcher, threads, replicas, more, weak)
                out.writerow([rule, how, "weak" if weak else "strong", 256 if weak else 128, repeat, taken])
                sys.stdout.flush()


if __name__ == "__main__":
    main()
