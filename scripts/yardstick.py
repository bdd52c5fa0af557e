#!/usr/bin/env python3
"""PyTorch and nmnc in turns on the same work: forward pass, training steps, manifold refresh, memory.

    cargo build --release
    python3 scripts/yardstick.py --python VENV/bin/python

Every measure runs in a process of its own, PyTorch and nmnc alternating, on one thread and on all; `--rounds` times.
The PyTorch side is a yardstick script (`--yardstick`) that is imported or run where it lies. The ratio table is
printed, and kept with the raw numbers in results/DATE-speed. This file itself needs only Python's standard library.
"""
import argparse
import csv
import datetime
import hashlib
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = ["channels", "size", "batch", "d", "runs"]
# What nmnc should take of PyTorch's time or memory on all threads, and how much faster than one thread it should be.
TARGETS = {"forward": 0.60, "step bp": 0.75, "step vnc": 0.50, "step nmnc": 0.50, "refresh": 0.10}
TARGET_MEMORY, TARGET_THREADS = 0.40, 1.8
STEPS = ["step bp", "step vnc", "step nmnc"]
# Rows of the table: measure, our number, theirs, what it says, target. The first call of a PyTorch process, which is
# what the yardstick prints, includes the library's own warm-up.
TIMES = [
    ("forward", "ms", "ms", "forward", TARGETS["forward"]),
    *[(step, "ms", "ms", step, TARGETS[step]) for step in STEPS],
    ("refresh", "following_ms", "following_ms", "refresh, with one before it / later calls", TARGETS["refresh"]),
    ("refresh", "first_ms", "following_ms", "refresh, none before it / later calls", TARGETS["refresh"]),
    ("refresh", "first_ms", "first_ms", "refresh, none before it / first call of the process", None),
]


def main():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--yardstick", type=Path, default=ROOT / "../shared/peers/torch_reference.py")
    parser.add_argument("--python", default=sys.executable, help="a Python with torch")
    parser.add_argument("--nmnc", type=Path, default=ROOT / "target/release/nmnc")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, cores}))
    parser.add_argument("--channels", default="64,128,256")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--d", type=int, default=64, help="manifold dimension")
    parser.add_argument("--runs", type=int, default=15, help="repetitions inside one process")
    parser.add_argument("--out", type=Path, default=ROOT / f"results/{datetime.date.today()}-speed")
    parser.add_argument("--torch-measure", nargs=2, metavar=("MEASURE", "THREADS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch_measure:
        measure, threads = options.torch_measure
        print(json.dumps(torch_measure(options, measure, int(threads))))
        return
    versions = check(options)
    if options.rounds < 1 or options.runs < 1:
        fail("--rounds and --runs must be at least 1")
    rows = list(measure_all(options))
    table = ratio_table(rows, options)
    print(table)
    write(options, versions, rows, table)


def fail(message):
    sys.exit(f"error: {message}")


def check(options):
    """Versions of both sides, or one line that says what is missing."""
    if not options.yardstick.is_file():
        fail(f"{options.yardstick}: no such file; name the PyTorch yardstick with --yardstick")
    if not options.nmnc.is_file():
        fail(f"{options.nmnc}: no such file; build it with `cargo build --release`, or name it with --nmnc")
    if options.out.exists():
        fail(f"{options.out}: exists; name another folder with --out")
    probe = [options.python, "-c", "import sys, torch; print(sys.version.split()[0], torch.__version__)"]
    try:
        python, torch = subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        fail(f"{options.python}: no Python with torch; name one with --python")
    nmnc = subprocess.run([options.nmnc, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"nmnc": nmnc, "torch": torch, "python": python}


# --- PyTorch, in a process of its own ---------------------------------------------------------------------------------

def torch_measure(options, measure, threads):
    """Times what the yardstick's own `time` job does not: the forward pass, and refreshes after the first."""
    import importlib.util
    import time

    import torch

    sys.dont_write_bytecode = True
    spec = importlib.util.spec_from_file_location("yardstick_module", options.yardstick)
    yardstick = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(yardstick)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = yardstick.Net([int(c) for c in options.channels.split(",")], options.size, 10)
    images = lambda count: torch.randn(count, 3, options.size, options.size).contiguous(
        memory_format=torch.channels_last)

    def times(work, count):
        found = []
        for _ in range(count):
            start = time.perf_counter()
            work()
            found.append(1e3 * (time.perf_counter() - start))
        return found

    if measure == "forward":
        x = images(options.batch)
        with torch.no_grad():
            return {"ms": statistics.median(times(lambda: net.run(x), options.runs + 3)[3:])}
    feedback = yardstick.Feedback(net, argparse.Namespace(rule="nmnc", d=options.d, sigma=0.1, eta=0.2))
    big = images(1024)
    found = times(lambda: feedback.refresh_manifold(big), 4)
    return {"first_ms": found[0], "following_ms": statistics.median(found[1:])}


# --- both sides, in turns ---------------------------------------------------------------------------------------------

def measure_all(options):
    for round_ in range(options.rounds):
        for threads in options.threads:
            for measure in ["forward", *STEPS, "refresh"]:
                sides = [("torch", run_torch), ("nmnc", run_nmnc)]
                for side, run in sides if round_ % 2 == 0 else reversed(sides):
                    row = {"side": side, "measure": measure, "threads": threads, "round": round_}
                    row |= run(options, measure, threads)
                    print(json.dumps(row), file=sys.stderr, flush=True)
                    yield row


def run_torch(options, measure, threads):
    settings = [part for name in SETTINGS for part in (f"--{name}", str(getattr(options, name)))]
    if measure in STEPS:
        job = [options.yardstick, "time", "--rule", measure.split()[1], "--threads", threads, *settings]
        lines, peak = run([options.python, *job])
        return {"ms": lines[-1]["step_ms_median"], "peak_mib": peak}
    job = [__file__, "--torch-measure", measure, threads, "--yardstick", options.yardstick, *settings]
    lines, peak = run([options.python, *job])
    return lines[-1] | {"peak_mib": peak}


def run_nmnc(options, measure, threads):
    names = {"d": "dimension"}
    settings = [part for name in SETTINGS for part in (f"--{names.get(name, name)}", str(getattr(options, name)))]
    part, _, rule = measure.partition(" ")
    job = ["bench", "--json", "--threads", threads, "--only", part, "--rules", rule or "nmnc", *settings]
    lines, peak = run([options.nmnc, *job])
    found = {line["variant"]: line["milliseconds"]["median"] for line in lines if line["event"] == "row"}
    if measure == "refresh":
        return {"first_ms": found["first"], "following_ms": found["following"], "peak_mib": peak}
    return {"ms": next(iter(found.values())), "peak_mib": peak}


def run(command):
    """JSON lines that a process prints, and the largest memory it held, in MiB."""
    command = [str(part) for part in command]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or ["no message"])[-1]
            fail(f"`{shlex.join(command)}` ended with {process.returncode}: {last}")
    unit = 1 if sys.platform == "darwin" else 1024
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")], usage.ru_maxrss * unit / 2**20


# --- the table --------------------------------------------------------------------------------------------------------

def ratio_table(rows, options):
    def numbers(side, measure, threads, key):
        found = [r for r in rows if (r["side"], r["measure"], r["threads"]) == (side, measure, threads)]
        return [r[key] for r in sorted(found, key=lambda r: r["round"])]

    def compared(label, threads, ours, theirs, target, digits=1):
        ratios = [a / b for a, b in zip(ours, theirs)]
        ratio = statistics.median(ratios)
        goal, reached = ("", "") if target is None else (f"<= {target:.2f}", "yes" if ratio <= target else "no")
        cells = [f"{statistics.median(n):.{digits}f}" for n in (ours, theirs)]
        return [label, str(threads), *cells, f"{ratio:.3f} ({min(ratios):.3f}..{max(ratios):.3f})", goal, reached]

    most = max(options.threads)
    table = [["measure", "threads", "nmnc", "PyTorch", "nmnc / PyTorch (min..max)", "target", "reached"]]
    for measure, our_key, their_key, label, target in TIMES:
        for threads in options.threads:
            ours, theirs = numbers("nmnc", measure, threads, our_key), numbers("torch", measure, threads, their_key)
            # The targets are for all threads.
            table.append(compared(f"{label} (ms)", threads, ours, theirs, target if threads == most else None))
    for measure in ["forward", *STEPS, "refresh"]:
        ours, theirs = (numbers(side, measure, most, "peak_mib") for side in ("nmnc", "torch"))
        table.append(compared(f"peak memory, {measure} (MiB)", most, ours, theirs, TARGET_MEMORY, 0))
    text = markdown(table)
    if most == 1 or 1 not in options.threads:
        return text
    table = [["measure", f"nmnc, {most} threads against 1 (min..max)", "target", "reached", "PyTorch"]]
    for measure in ["forward", *STEPS]:
        gains = {}
        for side in ("nmnc", "torch"):
            pairs = zip(numbers(side, measure, 1, "ms"), numbers(side, measure, most, "ms"))
            gains[side] = [one / all_ for one, all_ in pairs]
        gain = statistics.median(gains["nmnc"])
        spread = f"{gain:.2f} ({min(gains['nmnc']):.2f}..{max(gains['nmnc']):.2f})"
        # The target is one for two threads.
        goal, reached = (f">= {TARGET_THREADS}", "yes" if gain >= TARGET_THREADS else "no") if most == 2 else ("", "")
        table.append([measure, spread, goal, reached, f"{statistics.median(gains['torch']):.2f}"])
    return f"{text}\n{markdown(table)}"


def markdown(table):
    lines = ["| " + " | ".join(row) + " |" for row in table]
    lines.insert(1, "|" + "---|" * len(table[0]))
    return "\n".join(lines) + "\n"


# --- what is kept -----------------------------------------------------------------------------------------------------

def write(options, versions, rows, table):
    options.out.mkdir(parents=True)
    fields = ["side", "measure", "threads", "round", "ms", "first_ms", "following_ms", "peak_mib"]
    with open(options.out / "raw.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines, _ = run([options.nmnc, "bench", "--json", "--only", "matmul", "--runs", "5"])
    machine = next(line for line in lines if line["event"] == "machine")
    peaks = {}
    for line in lines:
        if line["event"] == "row":
            peaks[line["threads"]] = max(line["gflops"], peaks.get(line["threads"], 0))
    rates = ", ".join(f"{rate:.0f} GFLOP/s on {threads}" for threads, rate in sorted(peaks.items()))
    versioned = machine["environment"].items()
    environment = [text if text.startswith(name) else f"{name} {text}" for name, text in versioned]
    digest = hashlib.sha256(options.yardstick.read_bytes()).hexdigest()
    (options.out / "README.md").write_text(f"""# nmnc and PyTorch in turns, {datetime.date.today()}

    python3 scripts/yardstick.py {shlex.join(sys.argv[1:])}

Rounds: {options.rounds}; each measure in a process of its own, which gives the median of {options.runs} repetitions.
Channels {options.channels}, {options.size}x{options.size} images, batch {options.batch}, d = {options.d}, \
feedback update at every step.

- machine: {machine["processor"]}, {machine["cores"]} cores, {machine["vectors"]}; our matrix product reaches {rates} threads
- {versions["nmnc"]}, commit {commit()}; {", ".join(environment)}
- PyTorch {versions["torch"]}, Python {versions["python"]}, yardstick {options.yardstick.name} (SHA-256 {digest[:16]})

{table}
The numbers are medians over rounds; a ratio is taken within each round, and its median, smallest and largest are
shown. The yardstick's refresh is exact, ours by the method that training uses. `raw.csv` holds every
process's numbers. Peak memory is that of the whole process (`ru_maxrss`), libraries included.
""")
    print(f"kept in {options.out}")


def commit():
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
