#!/usr/bin/env python3
"""Hunts for inputs that break what nmnc promises of everything it reads (crates/nmnc-fuzz).

    python3 scripts/fuzz.py                          every target for 60 seconds
    python3 scripts/fuzz.py npz assembly --seconds 3600
    python3 scripts/fuzz.py --try target/fuzz/npz/broken-0123456789abcdef npz

The crates of the workspace are compiled with LLVM's counters of edges, overflow checks and debug assertions, which the stable
compiler can do; their dependencies stay as they are for all other builds. Each target is a process of its own with a limit of memory.
Inputs that reach something new, and those that break something, are kept in target/fuzz/TARGET: a longer hunt goes on from there.
"""
import argparse
import csv
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "target/fuzz"
COLUMNS = ["target", "inputs", "read", "seconds", "edges", "reached", "corpus", "peak_kib", "slowest_ms", "failures"]
# Address space of a process that reads hostile files; what it may allocate is far less, and counted by itself.
ADDRESSES = 8 << 30
COUNTERS = [
    "-Cpasses=sancov-module", "-Cllvm-args=-sanitizer-coverage-level=3",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters", "-Cdebug-assertions=on", "-Coverflow-checks=on", "-Copt-level=1",
]


def wrapper():
    """What Cargo runs in place of the compiler for the crates of the workspace."""
    arguments = sys.argv[sys.argv.index("--rustc") + 1:]
    plain = {"build_script_build", "nmnc_fuzz"}
    named = arguments[arguments.index("--crate-name") + 1] if "--crate-name" in arguments else "nmnc_fuzz"
    os.execvp(arguments[0], arguments if named in plain else arguments + COUNTERS)


def build():
    """The program with counters."""
    KEPT.mkdir(parents=True, exist_ok=True)
    wrap = KEPT / "rustc"
    wrap.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" --rustc "$@"\n')
    wrap.chmod(0o755)
    environment = os.environ | {"RUSTC_WORKSPACE_WRAPPER": str(wrap)}
    command = ["cargo", "build", "--release", "--workspace", "--bin", "nmnc-fuzz", "--locked"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    program = KEPT / "nmnc-fuzz"
    program.write_bytes((ROOT / "target/release/nmnc-fuzz").read_bytes())
    program.chmod(0o755)
    return program


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(5)


def hunt(program, target, options):
    """(row of figures, what is said of failures)"""
    folder = KEPT / target
    (folder / "fatal").unlink(missing_ok=True)
    command = [program, target, str(options.seconds), str(options.seed), folder]
    begun = time.monotonic()
    ran = subprocess.run(command, capture_output=True, text=True, preexec_fn=limits)
    lines = ran.stdout.splitlines()
    if ran.returncode in (0, 1) and lines:
        return dict(zip(COLUMNS, lines[-1].split(","))), lines[:-1]
    ended = "hangs" if ran.returncode == 124 else f"ends by signal {-ran.returncode}" if ran.returncode < 0 else f"exit code {ran.returncode}"
    said = [line for line in ran.stderr.splitlines() if line.strip()][-1:]
    row = dict.fromkeys(COLUMNS, "") | {"target": target, "seconds": f"{time.monotonic() - begun:.1f}", "failures": "1"}
    return row, [f"{target}: {ended}: {''.join(said)[:300]}: {folder / 'fatal'}"]


def main():
    if "--rustc" in sys.argv:
        wrapper()
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", help="by default all")
    parser.add_argument("--seconds", type=int, default=60, help="of each target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--csv", type=Path, help="figures of each target")
    parser.add_argument("--try", nargs="+", dest="inputs", help="reads these inputs again, as the first target")
    options = parser.parse_args()
    program = build()
    if options.inputs:
        sys.exit(subprocess.run([program, *options.targets[:1], "try", *options.inputs]).returncode)
    known = [line.split()[0] for line in subprocess.run([program, "list"], capture_output=True, text=True, check=True).stdout.splitlines()]
    targets = options.targets or known
    if unknown := [target for target in targets if target not in known]:
        sys.exit(f"error: no target `{unknown[0]}`; known: {', '.join(known)}")
    begun, rows = time.monotonic(), []
    with ThreadPoolExecutor(options.jobs) as pool:
        for row, said in pool.map(lambda target: hunt(program, target, options), targets):
            print(*said, sep="\n", end="\n" if said else "")
            print("  ".join(f"{name} {row[name] or '-'}" for name in COLUMNS), flush=True)
            rows.append(row)
    if options.csv:
        with options.csv.open("w", newline="") as file:
            table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
    inputs, failures = (sum(int(row[name] or 0) for row in rows) for name in ("inputs", "failures"))
    print(f"fuzz: {inputs} inputs of {len(rows)} targets, {time.monotonic() - begun:.0f} s, failures: {failures}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
