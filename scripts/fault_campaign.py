#!/usr/bin/env python3
"""Kills nmnc at every system call that concerns its files, or lets the call fail, and looks at what is left.

    python3 scripts/fault_campaign.py                    every point of every command
    python3 scripts/fault_campaign.py --points 500       so many, drawn with --seed
    python3 scripts/fault_campaign.py --only train/EIO   one command, one kind of fault
    python3 scripts/fault_campaign.py --only train/EIO/17

Whatever happens at whatever call: the program is gone at once, or ends with the exit code of a table and one line, or gets through.
What it replaces is there as it was or as it is to be; a checkpoint that was complete stays. The same command, or `train --resume`,
then comes to the bits of an undisturbed run, and leaves no file that such a run does not leave. Linux on x86-64, with a C compiler.
"""
import argparse
import atexit
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True
from faults.scenarios import SCENARIOS, copy, nmnc

ROOT = Path(__file__).resolve().parents[1]
READS, WRITES = {"read", "pread", "readv"}, {"write", "pwrite", "writev"}
FLUSHES = {"fsync", "fdatasync"}
MAKES = {"openat", "open", "creat", "mkdir", "mkdirat", "link", "linkat"}
MOVES = {"rename", "renameat", "renameat2"}
REMOVES = {"unlink", "unlinkat", "rmdir"}
LOOKS = {"statx", "fstatat", "stat", "getdents"}
# Kinds of faults: what the shim is told, and the calls that it can happen to (all: None).
KINDS = {
    "kill": ("kill", None),
    "torn": ("torn", WRITES),
    "short": ("short", READS | WRITES),
    "EINTR": ("4", READS | WRITES | FLUSHES),
    "EIO": ("5", READS | WRITES | FLUSHES | MOVES | REMOVES | LOOKS | {"openat"}),
    "EACCES": ("13", MAKES | MOVES | REMOVES | LOOKS | {"chmod", "fchmod"}),
    "EMFILE": ("24", {"openat", "open"}),
    "ENOSPC": ("full", WRITES | MAKES | FLUSHES | MOVES),
}
# Characters that are printed of a failure.
LONGEST = 500
# What the shim ends with where it cannot filter system calls.
NO_FILTER = 125
# Exit codes of a fault of the world: configuration, data, run folder, file.
REFUSED = {3, 4, 5, 8}


class Bench:
    """A scenario with the folder it begins in, its calls, and what it comes to undisturbed."""

    def __init__(self, scenario, program, shim, folder):
        self.scenario, self.program, self.shim = scenario, program, shim
        self.folder, self.begin = folder, folder / "begin"
        scenario.lay(program, self.begin)
        work = folder / "undisturbed"
        copy(self.begin, work)
        ran = self.disturb(work, 0, "count", folder / "calls")
        if ran.returncode == NO_FILTER:
            print("fault campaign: skipped, because this system lets no program filter its own system calls (seccomp)")
            sys.exit(0)
        if ran.returncode != 0:
            raise RuntimeError(f"{scenario.name}: {ran.stderr}")
        self.calls = [line.split(" ", 2)[1] for line in (folder / "calls").read_text().splitlines()]
        self.wanted, self.old, self.new = scenario.result(work), scenario.made(self.begin), scenario.made(work)

    def disturb(self, work, number, fault, log):
        log.unlink(missing_ok=True)
        faults = {"FAULT_ROOT": str(work), "FAULT_AT": str(number), "FAULT_KIND": fault, "FAULT_LOG": str(log)}
        environment = os.environ | faults | {"LD_PRELOAD": str(self.shim), "NMNC_DATA_DIR": str(work / "data")}
        return nmnc(self.program, work, self.scenario.command, environment)

    def points(self):
        for kind, (_, calls) in KINDS.items():
            yield from ((self, kind, n) for n, call in enumerate(self.calls, 1) if calls is None or call in calls)


def problem(bench, kind, number, place):
    """What is wrong after one fault, or None; and the newest checkpoint it left."""
    scenario, work, log = bench.scenario, place / "work", place / "log"
    copy(bench.begin, work)
    try:
        ran = bench.disturb(work, number, KINDS[kind][0], log)
    except subprocess.TimeoutExpired:
        return "hangs", None
    happened = log.is_file() and log.stat().st_size > 0
    newest = scenario.newest_checkpoint(work)
    lines = ran.stderr.splitlines()
    if kind in ("kill", "torn"):
        if happened and ran.returncode != -9:
            return f"is not killed: {ran.returncode}", newest
    elif kind in ("short", "EINTR") and ran.returncode != 0:
        return f"does not go on after it: {ran.returncode}, {lines}", newest
    elif ran.returncode != 0 and (ran.returncode not in REFUSED or len(lines) != 1 or not lines[0].startswith("error: ")):
        return f"exit code {ran.returncode}, {len(lines)} lines: {' / '.join(lines)[:400]}", newest
    elif ran.returncode == 0 and scenario.result(work) != bench.wanted:
        said = f" ({' / '.join(lines)[:200]})" if lines else ""
        return f"exit code 0, but {differences(scenario.result(work), bench.wanted)}{said}", newest
    if scenario.replaces and scenario.made(work) not in (bench.old, bench.new):
        return f"what was there is lost: {differences(scenario.made(work), bench.old)}", newest
    try:
        again = nmnc(bench.program, work, scenario.again)
    except subprocess.TimeoutExpired:
        return "hangs afterwards", newest
    if again.returncode != 0:
        return f"does not go on afterwards: {again.returncode}, {again.stderr.strip()[:400]}", newest
    if scenario.result(work) != bench.wanted:
        return f"afterwards {differences(scenario.result(work), bench.wanted)}", newest
    return None, newest


def differences(found, wanted):
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    other = sorted(name for name in wanted.keys() & found.keys() if wanted[name] != found[name])
    said = [f"{what} {', '.join(names[:4])}" for what, names in [("lacks", missing), ("has also", extra), ("differs in", other)] if names]
    return "; ".join(said)


def lost_checkpoints(killed):
    """A later kill leaves no older checkpoint."""
    for bench, left in killed.items():
        left.sort()
        for (_, before), (number, after) in zip(left, left[1:]):
            if after is not None and before is not None and after < before:
                yield f"{bench.scenario.name}/kill/{number}: the newest checkpoint is of step {after}, was {before} a call before"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", type=Path, default=ROOT / "target/release/nmnc")
    parser.add_argument("--points", type=int, help="so many points instead of all")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of points")
    parser.add_argument("--only", default="", help="COMMAND[/KIND[/CALL]]")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--csv", type=Path, help="points, failures and seconds by command and kind")
    options = parser.parse_args()
    begun = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="nmnc-faults-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    shim = folder / "shim.so"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", shim, ROOT / "scripts/faults/shim.c"], check=True)
    only = options.only.split("/") if options.only else []
    benches = [Bench(s, options.program.resolve(), shim, folder / s.name) for s in SCENARIOS if not only or s.name == only[0]]
    points = [point for bench in benches for point in bench.points()]
    points = [p for p in points if (len(only) < 2 or p[1] == only[1]) and (len(only) < 3 or p[2] == int(only[2]))]
    if not points:
        sys.exit(f"error: --only {options.only}: no such point")
    if options.points:
        points = random.Random(options.seed).sample(points, min(options.points, len(points)))

    free = [folder / f"worker{i}" for i in range(options.jobs)]
    tried, failures, killed = defaultdict(lambda: [0, 0, 0.0]), [], defaultdict(list)

    def attempt(point):
        bench, kind, number = point
        place, began = free.pop(), time.monotonic()
        place.mkdir(exist_ok=True)
        said, newest = problem(bench, kind, number, place)
        free.append(place)
        return point, said, newest, time.monotonic() - began

    with ThreadPoolExecutor(options.jobs) as pool:
        for (bench, kind, number), said, newest, seconds in pool.map(attempt, points):
            row = tried[bench.scenario.name, kind]
            row[0], row[2] = row[0] + 1, row[2] + seconds
            if kind == "kill":
                killed[bench].append((number, newest))
            if said:
                row[1] += 1
                failures.append(f"{bench.scenario.name}/{kind}/{number} ({bench.calls[number - 1]}): {said[:LONGEST]}")
                print(failures[-1], flush=True)
    for said in lost_checkpoints(killed):
        failures.append(said)
        print(said, flush=True)
    if options.csv:
        with options.csv.open("w", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["command", "fault", "calls", "points", "failures", "seconds"])
            calls = {bench.scenario.name: len(bench.calls) for bench in benches}
            table.writerows([n, k, calls[n], p, f, f"{s:.1f}"] for (n, k), (p, f, s) in sorted(tried.items()))
    seconds = time.monotonic() - begun
    print(f"fault campaign: {len(points)} points of {len(benches)} commands, {seconds:.0f} s, failures: {len(failures)}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
