"""schedules.json: the factor on the learning rate at each of 100 steps.

constant, step (x 0.1 every 30 steps) and cosine (to 0 at step 100), each with
and without a linear warm-up of 10 steps. Torch's own schedulers make all nine;
LambdaLR was needed nowhere. The warm-up (step + 1) / 10 is LinearLR from 1/10
to 1 over *nine* iterations, joined by SequentialLR, which restarts the second
schedule's count: after a warm-up, step drops at 40 and 70 and cosine anneals
over the remaining 90 steps. "_warmup_from" is LinearLR from 0.01 over ten
iterations, which reaches 1 with the first step of the second schedule. Closed forms are checked against them to 1e-12.

Made with torch 2.15.0; the file names its own versions.
Rerun: python scripts/golden/schedules.py [--out FOLDER]
"""
import json
import math

import torch
from torch.optim import lr_scheduler

from common import out_folder, versions

TOTAL, WARMUP, FROM, GAMMA, PERIOD = 100, 10, 0.01, 0.1, 30


def constant(optimizer, total):
    return lr_scheduler.ConstantLR(optimizer, factor=1.0, total_iters=total)


def step(optimizer, total):
    return lr_scheduler.StepLR(optimizer, PERIOD, GAMMA)


def cosine(optimizer, total):
    return lr_scheduler.CosineAnnealingLR(optimizer, T_max=total)


CLOSED = {
    constant: lambda s, total: 1.0,
    step: lambda s, total: GAMMA ** (s // PERIOD),
    cosine: lambda s, total: 0.5 * (1 + math.cos(math.pi * s / total)),
}


def factors(kind, warmup, start=None):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    if warmup:
        rise = (lr_scheduler.LinearLR(optimizer, 1 / warmup, 1.0, warmup - 1)
                if start is None else
                lr_scheduler.LinearLR(optimizer, start, 1.0, warmup))
        schedule = lr_scheduler.SequentialLR(
            optimizer, [rise, kind(optimizer, TOTAL - warmup)], [warmup])
    else:
        schedule = kind(optimizer, TOTAL)
    found = []
    for _ in range(TOTAL):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def closed(kind, warmup, start=None):
    def rise(s):
        return ((s + 1) / warmup if start is None
                else start + (1 - start) * s / warmup)

    return [rise(s) if s < warmup
            else CLOSED[kind](s - warmup, TOTAL - warmup)
            for s in range(TOTAL)]


def main():
    table = {}
    for kind in CLOSED:
        for suffix, *rise in (("", 0), ("_warmup", WARMUP),
                              ("_warmup_from", WARMUP, FROM)):
            name = kind.__name__ + suffix
            table[name] = factors(kind, *rise)
            expected = closed(kind, *rise)
            worst = max(abs(a - b) for a, b in zip(table[name], expected))
            assert worst < 1e-12, f"{name}: off by {worst:.1e}"
    path = out_folder(__doc__) / "schedules.json"
    content = versions(__file__) | {
        "total": TOTAL, "warmup": WARMUP, "from": FROM, "gamma": GAMMA, "period": PERIOD,
        "factors": table,
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"{path.name}: {len(table)} schedules, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
