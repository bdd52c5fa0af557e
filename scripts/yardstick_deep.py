"""Training steps of resnet20 beside PyTorch on the processor, in turns.

Backprop with momentum SGD on 128 images of 3x32x32, as `golden/architectures.py`
writes the network out for PyTorch; nmnc trains on CIFAR-10 by itself. Medians
over the steps of a turn, but for the first.

Rerun: PYTHON_WITH_TORCH scripts/yardstick_deep.py --nmnc target/release/nmnc \
           --data FOLDER_OF_CIFAR10 [--turns 5] [--threads 2]
"""
import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "golden")]
BATCH, STEPS = 128, 12


def torch_step(threads):
    import torch
    from architectures import Small
    torch.set_default_dtype(torch.float32)
    torch.set_num_threads(threads)
    network = Small(3).float()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
    images, labels = torch.randn(BATCH, 3, 32, 32), torch.randint(5, (BATCH,))
    took = []
    for _ in range(STEPS):
        started = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()
        took.append(time.perf_counter() - started)
    return statistics.median(took[2:])


def nmnc_step(nmnc, data, threads):
    from plan_check import IMAGES, events
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(IMAGES.format(data=data, network='preset = "resnet20"', window=1,
                                        limit=BATCH * STEPS))
        rows = events([nmnc, "train", str(config), "--threads", str(threads),
                       "--out", folder + "/run", "--json"])
    seconds = [row["record"]["seconds"] for row in rows if row["event"] == "record"]
    return statistics.median(after - before for before, after in zip(seconds[1:], seconds[2:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nmnc", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--torch", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch:
        print(torch_step(options.threads))
        return
    ratios = []
    for _ in range(options.turns):
        own = nmnc_step(options.nmnc, options.data, options.threads)
        theirs = float(subprocess.run([sys.executable, *sys.argv, "--torch"], check=True,
                                      capture_output=True, text=True).stdout)
        ratios.append(own / theirs)
        print(f"nmnc {1e3 * own:.0f} ms, PyTorch {1e3 * theirs:.0f} ms, ratio {ratios[-1]:.2f}", flush=True)
    print(f"median ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
