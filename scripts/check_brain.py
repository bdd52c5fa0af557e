"""Compares the scores of `nmnc brain` with rsatoolbox's on the same matrices.

    python3 -m venv v && v/bin/pip install "rsatoolbox==0.3.*"
    v/bin/python scripts/check_brain.py FOLDER      # the folder that `nmnc brain` wrote

Prints the largest difference of any similarity of a stage or control over all stimuli and of any noise ceiling, and fails above 1e-6.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import rsatoolbox as rs

warnings.filterwarnings("ignore")
METHODS = {
    "spearman": "spearman",
    "kendall-tau-a": "tau-a",
    "pearson": "corr",
    "cosine": "cosine",
    "whitened-cosine": "cosine_cov",
    "whitened-pearson": "corr_cov",
}


def wrap(square):
    square = np.asarray(square)
    square = square[None] if square.ndim == 2 else square
    return rs.rdm.RDMs(square)


def main(folder):
    scores = json.loads((folder / "brain.json").read_text())["scores"]
    method = METHODS[scores["settings"]["comparison"]]
    arrays = np.load(folder / "rdms.npz")
    worst = count = 0
    for target in scores["targets"]:
        subjects = wrap(arrays[f"target.{target['target']}"])
        expected = lambda name: rs.rdm.compare(wrap(arrays[name]), subjects, method=method).mean()
        pairs = [(c["all"]["value"], expected(f"control.{c['control']}")) for c in target["controls"]]
        for network in target["networks"]:
            for stage in network["stages"]:
                name = f"network.{network['condition']}-seed{network['seed']}.stage{stage['stage']}"
                pairs.append((stage["all"]["value"], expected(name)))
        if target["ceiling"]:
            low, high = rs.inference.boot_noise_ceiling(subjects, method=method)
            pairs += [(target["ceiling"]["lower"], low), (target["ceiling"]["upper"], high)]
        worst = max([worst] + [abs(a - b) for a, b in pairs])
        count += len(pairs)
    print(f"{count} values, largest difference {worst:.1e}")
    return 1 if worst > 1e-6 else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(pathlib.Path(sys.argv[1])))
