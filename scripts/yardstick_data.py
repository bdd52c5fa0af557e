#!/usr/bin/env python3
"""torchvision's DataLoader and nmnc in turns on the same JPEG files and the same work.

    cargo build --release
    python3 scripts/yardstick_data.py --python VENV/bin/python --images FOLDER
    python3 scripts/yardstick_data.py --python VENV/bin/python --images FOLDER --make ARCHIVE

FOLDER holds `train/CLASS/*.jpg` and `val/CLASS/*.jpg`. With `--make`, it is made first: 2000 JPEG files of 500x375 pixels from the pictures in
ARCHIVE (a .tar or .tar.gz), enlarged, with noise at four scales so that they take as many bytes as photographs do (about 85 KB).

Both sides decode, crop (`train`: a random part; `colors`: with changes of color; `evaluate`: shorter side to 256, the middle), scale to 224 pixels,
mirror, standardize, and give batches of 64. torchvision's workers are started and warm before they are timed. Every measure is a process of
its own, in turns, `--rounds` times; the table has medians and the median of the ratios within rounds. This file itself needs only Python's
standard library.
"""
import argparse
import io
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SIZE, BATCH, IMAGES = 224, 64, 1024
MEAN, SD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
WORK = {
    "train": ["data.augment={flip=true,resized_crop={}}"],
    "colors": ["data.augment={flip=true,resized_crop={},jitter={brightness=0.4,contrast=0.4,saturation=0.4,hue=0.1}}"],
    "evaluate": ["data.resize=256"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="a Python with torchvision")
    parser.add_argument("--nmnc", type=Path, default=ROOT / "target/release/nmnc")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--make", type=Path, metavar="ARCHIVE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--work", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--torch-side", nargs=2, metavar=("WORK", "WORKERS"), help=argparse.SUPPRESS)
    parser.add_argument("--make-here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.torch_side:
        work, workers = options.torch_side
        print(json.dumps(torch_rate(options.images, work, int(workers))))
        return
    if options.make_here:
        make(options.make, options.images)
        return
    if options.make and not options.images.exists():
        again(options, "--make", options.make, "--make-here")
    if not options.images.is_dir():
        sys.exit(f"error: {options.images}: no such folder; make it with --make")
    if not options.nmnc.is_file():
        sys.exit(f"error: {options.nmnc}: no such file; build it with `cargo build --release`")
    print(f"{'work':10} {'workers':>7} {'nmnc, images/s':>15} {'torchvision':>12} {'ratio':>7} {'least':>7} {'most':>7}")
    for work in options.work:
        for workers in options.workers:
            rounds = [(ours(options, work, workers), theirs(options, work, workers)) for _ in range(options.rounds)]
            ratios = [our / their for our, their in rounds]
            medians = [statistics.median(side) for side in zip(*rounds)]
            print(f"{work:10} {workers:7} {medians[0]:15.0f} {medians[1]:12.0f} {statistics.median(ratios):7.2f} {min(ratios):7.2f} {max(ratios):7.2f}")


def again(options, *arguments):
    command = [options.python, __file__, "--images", options.images, *arguments]
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout


def ours(options, work, workers):
    settings = [f"data.source={options.images}", f"data.image_size={SIZE}", f"data.workers={workers}", "data.cache_mib=0",
                f"data.standardize={{mean={MEAN},sd={SD}}}", *WORK[work]]
    command = [options.nmnc, "bench", "--json", "--only", "data", "--runs", 3, "--batch", BATCH, "--rules", "bp"]
    command += [word for setting in settings for word in ("--set", setting)]
    run = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout
    rows = [row for row in map(json.loads, run.splitlines()) if row["event"] == "row" and row["threads"] == workers]
    return rows[0]["images_per_second"]


def theirs(options, work, workers):
    return json.loads(again(options, "--torch-side", work, workers))


def torch_rate(folder, work, workers):
    """Images per second of a DataLoader, the median of three passes after one that warms up."""
    import torch
    from torchvision import datasets, transforms

    torch.set_num_threads(1)
    crop = {
        "train": [transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip()],
        "colors": [transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip(), transforms.ColorJitter(0.4, 0.4, 0.4, 0.1)],
        "evaluate": [transforms.Resize(256), transforms.CenterCrop(SIZE)],
    }[work]
    change = transforms.Compose([*crop, transforms.ToTensor(), transforms.Normalize(MEAN, SD)])
    data = datasets.ImageFolder(folder / "train", change)
    chosen = torch.utils.data.Subset(data, torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:IMAGES].tolist())
    loader = torch.utils.data.DataLoader(chosen, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        for images, _ in loader:
            pass
        times.append(time.perf_counter() - start)
    return len(chosen) / statistics.median(times[1:])


def make(archive, out, count=2000):
    import tarfile

    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    made = 0
    with tarfile.open(archive) as pictures:
        for member in pictures:
            if not member.isfile() or not member.name.lower().endswith((".jpg", ".jpeg", ".png")) or random.random() > 0.15:
                continue
            width, height = (500, 375) if random.random() < 0.75 else (375, 500)
            picture = Image.open(io.BytesIO(pictures.extractfile(member).read())).convert("RGB").resize((width, height), Image.BICUBIC)
            values = np.asarray(picture).astype(np.float32)
            for scale, strength in [(1, 7), (2, 9), (4, 9), (8, 9)]:
                noise = random.normal(0, strength, (height // scale + 1, width // scale + 1, 1)).astype(np.float32)
                values += noise.repeat(scale, 0).repeat(scale, 1)[:height, :width]
            below = out / ("val" if made % 10 == 0 else "train") / member.name.split("/")[-2]
            below.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(below / f"{made:05}.jpg", quality=92)
            made += 1
            if made == count:
                return


if __name__ == "__main__":
    main()
