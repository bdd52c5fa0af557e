"""How long a step takes beside what `nmnc plan` says: results/2026-11-26-plan/steps.csv.

Every network and rule is planned and trained for some steps in turns, so that
other programs disturb both alike. What is measured is training itself, with
its reading of data: seconds between two records, of as many steps as one
refresh of the manifold lies in. The first steps, in which memory is taken and a
mirror begins, are not counted.

Rerun: python3 scripts/plan_check.py --nmnc target/release/nmnc \
           --data FOLDER_OF_CIFAR10 --out steps.csv [--turns 3] [--only NAME]
"""
import argparse
import csv
import json
import os
import subprocess
import tempfile
from pathlib import Path

RULES = ["bp", "dfa", "vnc", "nmnc", "manifold-mirror"]
OVER_TIME = ["bptt", "rflo", "vnc", "nmnc", "node-perturbation"]
IMAGES = """
[data]
source = "{data}"
train_limit = {limit}
test_limit = 10
[network]
{network}
[credit]
rule = "bp"
[credit.nmnc]
manifold = {{ dimension = 64, refresh = {window} }}
[credit.manifold-mirror]
initial = 256
manifold = {{ dimension = 64, refresh = {window} }}
[train]
epochs = 1
batch = 128
optimizer = {{ name = "sgd", learning_rate = 0.05, momentum = 0.9, weight_decay = 1e-4 }}
clip_norm = 1.0
[metrics]
interval = {window}
alignment_interval = 0
"""
TRIALS = """
task = "DelayMatchSample"
[recurrent]
units = 256
[credit]
rule = "bptt"
[credit.nmnc]
manifold = {{ dimension = 16, refresh = {window} }}
[train]
epochs = 1
trials = {limit}
batch = 64
evaluation = 64
[metrics]
interval = {window}
alignment_interval = 0
"""
# Name, template, network, rules, and steps of the window.
CASES = [
    ("chain 32-64-128", IMAGES, 'preset = "conv3"\nwidths = [32, 64, 128]', RULES, 20),
    ("resnet20, quarter width", IMAGES, 'preset = "resnet20"\nscale = 0.25', RULES, 20),
    ("resnet20", IMAGES, 'preset = "resnet20"', RULES, 10),
    ("vgg11, quarter width", IMAGES, 'preset = "vgg11"\nscale = 0.25', RULES, 10),
    ("256 rate units", TRIALS, "", OVER_TIME, 20),
]


def events(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def measured(nmnc, config, rule, window, folder):
    """Seconds of a step over the second window of a training."""
    rows = events([*nmnc, "train", config, "--set", f"credit.rule={rule}",
                   "--out", str(folder / "run"), "--json"])
    seconds = {row["record"]["step"]: row["record"]["seconds"]
               for row in rows if row["event"] == "record"}
    return (seconds[2 * window] - seconds[window]) / window


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nmnc", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", default="2")
    arguments = parser.parse_args()
    nmnc = [arguments.nmnc, "--threads", arguments.threads]
    with open(arguments.out, "w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["network", "rule", "turn", "planned_ms", "measured_ms",
                        "gflop", "load"])
        for turn in range(arguments.turns):
            for name, template, network, rules, window in CASES:
                if arguments.only not in name:
                    continue
                batch = 64 if template is TRIALS else 128
                text = template.format(
                    data=arguments.data, network=network, window=window,
                    limit=batch * 2 * window)
                for rule in rules:
                    with tempfile.TemporaryDirectory() as folder:
                        config = Path(folder) / "config.toml"
                        config.write_text(text)
                        plan = events([*nmnc, "plan", str(config), "--set",
                                       f"credit.rule={rule}", "--json"])[0]
                        took = measured(nmnc, str(config), rule, window, Path(folder))
                    planned = plan["step"]["seconds"]
                    load = os.getloadavg()[0]
                    table.writerow([name, rule, turn, f"{1e3 * planned:.3f}",
                                    f"{1e3 * took:.3f}",
                                    f"{1e-9 * plan['step']['flops']:.4f}", f"{load:.1f}"])
                    out.flush()
                    print(f"{name:24} {rule:18} planned {1e3 * planned:8.1f} ms, "
                          f"measured {1e3 * took:8.1f} ms, {planned / took:.2f}, "
                          f"load {load:.1f}", flush=True)


if __name__ == "__main__":
    main()
