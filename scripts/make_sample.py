#!/usr/bin/env python3
"""Makes the embedded sample of Fashion-MNIST from Debian's package `dataset-fashion-mnist`.

The sample is the first 600 training and the first 100 test images of each class, in the order of the original files, written as
four IDX.gz files. Nothing is random and no time stamp is stored, so the same zlib gives the same bytes; the SHA-256 of the
uncompressed contents, which no version of zlib can change, is printed beside that of the files.

Usage: scripts/make_sample.py [--from FOLDER] [--to FOLDER]
"""

import argparse
import gzip
import hashlib
import io
import pathlib
import struct

CLASSES = 10
SIDE = 28
PER_CLASS = {"train": 600, "t10k": 100}
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def read(path: pathlib.Path, magic: int, header: str) -> tuple[tuple[int, ...], bytes]:
    """The dimensions and the elements of an IDX.gz file of unsigned bytes."""
    data = gzip.decompress(path.read_bytes())
    found, *dimensions = struct.unpack_from(header, data)
    elements = data[struct.calcsize(header) :]
    expected = 1
    for dimension in dimensions:
        expected *= dimension
    if found != magic or len(elements) != expected:
        raise SystemExit(f"{path}: not the IDX file expected")
    return tuple(dimensions), elements


def write(path: pathlib.Path, content: bytes) -> None:
    """Compresses `content` without name or time and prints both digests."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as stream:
        stream.write(content)
    path.write_bytes(packed.getvalue())
    print(
        f"{path.name}: {len(packed.getvalue())} bytes, sha256 {hashlib.sha256(packed.getvalue()).hexdigest()}, "
        f"content sha256 {hashlib.sha256(content).hexdigest()}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="source", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--to", type=pathlib.Path, default=REPOSITORY / "crates/nmnc-data/src/sample")
    arguments = parser.parse_args()
    for split, per_class in PER_CLASS.items():
        (count, height, width), images = read(arguments.source / f"{split}-images-idx3-ubyte.gz", 0x803, ">IIII")
        (labelled,), labels = read(arguments.source / f"{split}-labels-idx1-ubyte.gz", 0x801, ">II")
        if (height, width) != (SIDE, SIDE) or count != labelled:
            raise SystemExit(f"{arguments.source}: {split} is not Fashion-MNIST")
        taken = [0] * CLASSES
        chosen = []
        for index, label in enumerate(labels):
            if taken[label] < per_class:
                taken[label] += 1
                chosen.append(index)
        if taken != [per_class] * CLASSES:
            raise SystemExit(f"{arguments.source}: {split} has too few images of a class: {taken}")
        size = SIDE * SIDE
        pixels = b"".join(images[i * size : (i + 1) * size] for i in chosen)
        write(
            arguments.to / f"{split}-images-idx3-ubyte.gz",
            struct.pack(">IIII", 0x803, len(chosen), SIDE, SIDE) + pixels,
        )
        write(
            arguments.to / f"{split}-labels-idx1-ubyte.gz",
            struct.pack(">II", 0x801, len(chosen)) + bytes(labels[i] for i in chosen),
        )


if __name__ == "__main__":
    main()
