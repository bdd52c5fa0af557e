#!/usr/bin/env python3
"""PyTorch and nmnc in turns on steps of a recurrent network.

    cargo build --release --workspace --examples
    python3 scripts/yardstick_recurrent.py --python VENV/bin/python

Rate units h_t = (1 - a) h_{t-1} + a tanh(W h_{t-1} + W_u u_t + b), or a GRU, with a linear readout. Measured are the
forward pass, the forward pass with a local update (signals from fixed random feedback, gradients through each step's
own update, and for rate units the leak's eligibility trace), and the forward pass with backpropagation through time.
On the PyTorch side the rate network is written out step by step in eager mode, local updates without autograd and with
one matrix product for all steps, BPTT by autograd; the GRU is torch.nn.GRU, whose local update needs its gates and is
left out. Every measure of a side runs in one process, the sides alternating. A folder named by --out keeps the numbers.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INPUTS = OUTPUTS = 3


def torch_side(units, batch, steps, runs, threads, kind):
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    alpha = 0.2
    inputs = torch.randn(steps, batch, INPUTS)
    error = torch.full((steps, batch, OUTPUTS), 1e-3)
    feedback = torch.randn(OUTPUTS, units) / units ** 0.5
    readout = (torch.randn(OUTPUTS, units) / units ** 0.5).requires_grad_()
    if kind == "gru":
        cell = torch.nn.GRU(INPUTS, units)
        parameters = [*cell.parameters(), readout]

        def states():
            return cell(inputs)[0]
    else:
        weight = (torch.randn(units, units) / units ** 0.5).requires_grad_()
        own, bias = torch.randn(units, INPUTS).requires_grad_(), torch.zeros(units, requires_grad=True)
        parameters = [weight, own, bias, readout]

        def states():
            drive = torch.nn.functional.linear(inputs, own, bias)
            state, found = torch.zeros(batch, units), []
            for step in range(steps):
                state = (1 - alpha) * state + alpha * torch.tanh(torch.addmm(drive[step], state, weight.T))
                found.append(state)
            return torch.stack(found)

    def forward():
        with torch.no_grad():
            states() @ readout.T

    def bptt():
        output = states() @ readout.T
        torch.autograd.grad(output, parameters, error)

    def local():
        with torch.no_grad():
            drive = torch.nn.functional.linear(inputs, own, bias)
            all_states = torch.zeros(steps + 1, batch, units)
            rates = torch.empty(steps, batch, units)
            for step in range(steps):
                torch.tanh(torch.addmm(drive[step], all_states[step], weight.T), out=rates[step])
                torch.lerp(all_states[step], rates[step], alpha, out=all_states[step + 1])
            all_states[1:] @ readout.T
            signals = error @ feedback
            for step in range(steps - 2, -1, -1):
                signals[step].add_(signals[step + 1], alpha=1 - alpha)
            gated = (signals * (alpha * (1 - rates * rates))).flatten(0, 1)
            gated.T @ all_states[:-1].flatten(0, 1)
            gated.T @ inputs.flatten(0, 1)
            gated.sum(0)
            error.flatten(0, 1).T @ all_states[1:].flatten(0, 1)

    measures = {"forward": forward, "local": local, "bptt": bptt}
    if kind == "gru":
        del measures["local"]
    for name, work in measures.items():
        times = []
        for _ in range(runs + 3):
            start = time.perf_counter()
            work()
            times.append(1e3 * (time.perf_counter() - start))
        print(json.dumps({"measure": name, "ms": statistics.median(times[3:])}))


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"error: `{' '.join(map(str, command))}` ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return {line["measure"]: line["ms"] for line in map(json.loads, done.stdout.splitlines())}


def main():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="a Python with torch")
    parser.add_argument("--nmnc", type=Path, default=ROOT / "target/release/examples/recurrent_speed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=cores)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--runs", type=int, default=15, help="repetitions inside one process")
    parser.add_argument("--kinds", nargs="+", default=["rate", "gru"], choices=["rate", "gru"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--torch", help=argparse.SUPPRESS)
    options = parser.parse_args()
    size = [options.units, options.batch, options.steps, options.runs, options.threads]
    if options.torch:
        torch_side(*size, options.torch)
        return
    if not options.nmnc.is_file():
        sys.exit(f"error: {options.nmnc}: no such file; build it with `cargo build --release --workspace --examples`")
    names = ["--units", "--batch", "--steps", "--runs", "--threads"]
    settings = [part for pair in zip(names, size) for part in pair]
    rows = []
    for kind in options.kinds:
        for round_ in range(options.rounds):
            ours = lambda: run([options.nmnc, *size, kind])
            theirs = lambda: run([options.python, __file__, "--torch", kind, *settings])
            order = [("nmnc", ours), ("torch", theirs)]
            for side, measure in order if round_ % 2 == 0 else reversed(order):
                for name, ms in measure().items():
                    rows.append({"kind": kind, "side": side, "measure": name, "round": round_, "ms": ms})
    lines = ["| kind | measure | nmnc (ms) | PyTorch (ms) | nmnc / PyTorch (min..max) |", "|---|---|---|---|---|"]
    for kind in options.kinds:
        for name in ("forward", "local", "bptt"):
            sides = {
                side: [r["ms"] for r in rows if (r["kind"], r["side"], r["measure"]) == (kind, side, name)]
                for side in ("nmnc", "torch")
            }
            if not sides["torch"]:
                continue
            ratios = [a / b for a, b in zip(sides["nmnc"], sides["torch"])]
            medians = [f"{statistics.median(sides[side]):.1f}" for side in ("nmnc", "torch")]
            spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
            lines.append(f"| {kind} | {name} | {medians[0]} | {medians[1]} | {spread} |")
    table = "\n".join(lines) + "\n"
    print(table)
    if options.out:
        options.out.mkdir(parents=True)
        with open(options.out / "raw.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        head = f"{options.units} units, {options.batch} trials, {options.steps} steps, {options.threads} threads, " \
               f"{options.rounds} rounds, each the median of {options.runs} repetitions.\n\n"
        (options.out / "README.md").write_text(f"# Recurrent steps beside PyTorch\n\n{head}{table}")


if __name__ == "__main__":
    main()
