"""tasks.json: statistics of the trials of neurogym's tasks.

Of every task, over many trials: the distribution of the number of steps, how
often each class is the answer, and mean and deviation over trials of every
input at steps counted from the beginning and from the end. Of ReadySetGo also
the step at which "go" is due.

With --compare FOLDER nothing is written: the trials that
`nmnc tasks export NAME --out FOLDER/NAME.npz` left there are compared with the
package's, and the largest difference is printed in standard errors. The exit
status is 1 if one is above six. ContextDecisionMaking.npz has to be made with
--set go_cue=false --set use_expl_context=false, ContextDecisionMakingCued.npz
with --set go_cue=false alone.

Made with neurogym 2.2.0, gymnasium 0.29.1, numpy 2.1.3.
Rerun: python scripts/golden/tasks.py [--out FOLDER | --compare FOLDER]
"""
import argparse
import json
import sys
from importlib.metadata import version
from pathlib import Path

import neurogym
import numpy as np

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
TRIALS = 8000
# Steps looked at from either end.
REACH = 12
TASKS = {
    "PerceptualDecisionMaking": {},
    "DelayMatchSample": {},
    "ContextDecisionMaking": {"use_expl_context": False},
    "ContextDecisionMakingCued": {"use_expl_context": True},
    "ReadySetGo": {},
    "DelayComparison": {},
    "AntiReach": {},
}


def package_trials(name, settings):
    """Inputs [T, n_in] and labels [T] of many trials."""
    env = neurogym.make(f"{name.removesuffix('Cued')}-v0", **settings).unwrapped
    env.seed(1)
    for _ in range(TRIALS):
        env.new_trial()
        yield np.array(env.ob, dtype=np.float64), np.array(env.gt)


def archived_trials(path):
    with np.load(path) as data:
        inputs, targets, mask = data["inputs"], data["targets"], data["mask"]
    for trial in range(inputs.shape[1]):
        steps = int((mask[:, trial] > 0).sum())
        yield inputs[:steps, trial].astype(np.float64), targets[:steps, trial]


def summary(trials):
    trials = list(trials)
    lengths = np.array([len(gt) for _, gt in trials])
    reach = min(REACH, lengths.min())
    start = np.stack([ob[:reach] for ob, _ in trials])
    end = np.stack([ob[len(ob) - reach:] for ob, _ in trials])
    answer = np.array([gt.max() for _, gt in trials])
    due = np.array([np.flatnonzero(gt)[0] / len(gt) for _, gt in trials])
    answers, counts = np.unique(answer, return_counts=True)
    sizes, times = np.unique(lengths, return_counts=True)
    labelled = np.array([np.count_nonzero(gt) for _, gt in trials])
    return {
        "trials": len(trials),
        "lengths": {str(size): int(n) for size, n in zip(sizes, times)},
        "answers": {str(label): int(n) for label, n in zip(answers, counts)},
        "due": [float(due.mean()), float(due.std())],
        "labelled": [float(labelled.mean()), float(labelled.std())],
        "start": [start.mean(0).round(6).tolist(), start.std(0).round(6).tolist()],
        "end": [end.mean(0).round(6).tolist(), end.std(0).round(6).tolist()],
    }


def worst(ours, theirs):
    """The largest difference of anything, in standard errors."""
    found = []
    n, m = ours["trials"], theirs["trials"]
    for key in ("lengths", "answers"):
        for value in {*ours[key], *theirs[key]}:
            a, b = ours[key].get(value, 0) / n, theirs[key].get(value, 0) / m
            p = (a * n + b * m) / (n + m)
            found.append((abs(a - b) / max((p * (1 - p) * (1 / n + 1 / m)) ** 0.5, 1e-9), f"{key} {value}"))
    for key in ("due", "labelled", "start", "end"):
        mean, sd = (np.array([side[key][i] for side in (ours, theirs)]) for i in (0, 1))
        error = np.sqrt(sd[0] ** 2 / n + sd[1] ** 2 / m)
        found.append((np.max(abs(mean[0] - mean[1]) / np.maximum(error, 1e-5)), f"mean {key}"))
        # Whatever the law, a deviation is uncertain by less than this unless tails are heavy.
        error = np.maximum(sd[1], 1e-5) * (1 / n + 1 / m) ** 0.5
        found.append((np.max(abs(sd[0] - sd[1]) / np.maximum(error, 1e-5)), f"deviation {key}"))
    return max(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    parser.add_argument("--compare", type=Path)
    options = parser.parse_args()
    found = {name: summary(package_trials(name, settings)) for name, settings in TASKS.items()}
    if options.compare:
        failed = False
        for name, theirs in found.items():
            ours = summary(archived_trials(options.compare / f"{name}.npz"))
            errors, where = worst(ours, theirs)
            failed |= errors > 6
            print(f"{name:28} {ours['trials']} and {theirs['trials']} trials: "
                  f"at most {errors:.1f} standard errors apart ({where})")
        sys.exit(int(failed))
    made_by = {name: version(name) for name in ("neurogym", "gymnasium", "numpy")}
    text = json.dumps({"made_by": {"script": "scripts/golden/tasks.py", **made_by}, "tasks": found})
    (options.out / "tasks.json").write_text(text + "\n")
    print(f"tasks.json: {len(text)} bytes")


if __name__ == "__main__":
    main()
