"""How long a step takes beside what `nmnc plan` says: results/2026-11-26-plan/steps.csv.

Every network and rule is planned and trained for some steps, one after the
other. What is measured is training itself, with its reading of data: seconds
between two records, of as many steps as one refresh of the manifold lies in.
The first steps, in which memory is taken and a mirror begins, are not counted.

Other programs make both longer, and not alike. A turn begins when nothing else
runs, and is made again where others had more than a share of the processor
meanwhile; the column `others` has it.

Rerun: python3 scripts/plan_check.py --nmnc target/release/nmnc \
           --data FOLDER_OF_CIFAR10 --out steps.csv [--turns 3] [--only NAME]
"""
import argparse
import csv
import json
import os
import resource
import subprocess
import tempfile
import time
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
    ("resnet20 at quarter width", IMAGES, 'preset = "resnet20"\nscale = 0.25', RULES, 20),
    ("resnet20 at full width", IMAGES, 'preset = "resnet20"', RULES, 10),
    ("vgg11 at quarter width", IMAGES, 'preset = "vgg11"\nscale = 0.25', RULES, 10),
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
                   "--out", tempfile.mkdtemp(dir=folder) + "/run", "--json"])
    seconds = {row["record"]["step"]: row["record"]["seconds"]
               for row in rows if row["event"] == "record"}
    return (seconds[2 * window] - seconds[window]) / window


def busy():
    """Seconds of processor that everyone has had, and that our children have."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    used = sum(fields) - fields[3] - fields[4]
    own = resource.getrusage(resource.RUSAGE_CHILDREN)
    mine = resource.getrusage(resource.RUSAGE_SELF)
    return (used / os.sysconf("SC_CLK_TCK"),
            own.ru_utime + own.ru_stime + mine.ru_utime + mine.ru_stime)


def share_of_others(work):
    """What `work` gives, and the share of the processors that others had."""
    started, before = time.time(), busy()
    found = work()
    others = [after - earlier for after, earlier in zip(busy(), before)]
    return found, (others[0] - others[1]) / (time.time() - started) / os.cpu_count()


def wait_for_quiet(limit, patience):
    end = time.time() + patience
    while share_of_others(lambda: time.sleep(0.5))[1] > limit and time.time() < end:
        time.sleep(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nmnc", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--quiet", type=float, default=0.1,
                        help="largest share of the processors that others may have")
    parser.add_argument("--patience", type=float, default=60,
                        help="seconds to wait for that, and tries to have it, by the dozen")
    arguments = parser.parse_args()
    nmnc = [arguments.nmnc, "--threads", arguments.threads]
    with open(arguments.out, "w", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(["network", "rule", "turn", "planned_ms", "measured_ms",
                        "gflop", "others"])
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
                        command = [*nmnc, "plan", str(config), "--set",
                                   f"credit.rule={rule}", "--json"]

                        def both():
                            return (events(command)[0],
                                    measured(nmnc, str(config), rule, window, Path(folder)))

                        for _ in range(max(1, int(arguments.patience / 12))):
                            wait_for_quiet(arguments.quiet, arguments.patience)
                            (plan, took), others = share_of_others(both)
                            if others < arguments.quiet:
                                break
                    planned = plan["step"]["seconds"]
                    table.writerow([name, rule, turn, f"{1e3 * planned:.3f}",
                                    f"{1e3 * took:.3f}",
                                    f"{1e-9 * plan['step']['flops']:.4f}", f"{others:.3f}"])
                    out.flush()
                    print(f"{name:24} {rule:18} planned {1e3 * planned:8.1f} ms, "
                          f"measured {1e3 * took:8.1f} ms, {planned / took:.2f}, "
                          f"others {others:.2f}", flush=True)


if __name__ == "__main__":
    main()
