#!/usr/bin/env python3
"""Makes the seeds of crates/nmnc-fuzz: small valid files of every format, as strings of files (`==== name`). Standard library only.

    python3 scripts/fuzz_seeds.py

A seed whose name begins with `refused-` claims too much or is of a kind that is not taken: that it is refused is tested, as it is that all others
are read. What breaks something and is mended becomes a seed by hand: a file beside these, with a name that says what it is.
"""
import gzip
import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SEEDS = ROOT / "crates/nmnc-fuzz/seeds"


def bundle(files):
    return b"".join(b"\n==== " + name.encode() + b"\n" + content for name, content in files.items())


def keep(target, name, files):
    path = SEEDS / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bundle(files))


def npy(descr, shape, data, fortran=False):
    header = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    header += b" " * (63 - (10 + len(header)) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def floats(*values, kind="f"):
    return struct.pack(f"<{len(values)}{kind}", *values)


def integers(*values):
    return struct.pack(f"<{len(values)}q", *values)


def png(width, height, channels, bits=8, value=90):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + bytes((value + 7 * i) % 256 for i in range(width * channels * bits // 8))
    head = struct.pack(">IIBBBBB", width, height, bits, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * height, 9)) + chunk(b"IEND", b"")


# A gray picture of 8x8 pixels, baseline, as libjpeg writes it with the tables of the standard cut to what it uses.
def jpeg(width=8, height=8):
    def segment(marker, body):
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body

    quantization = segment(0xDB, b"\0" + b"\x10" * 64)
    frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")
    # One code each: category 0 of DC, and end of block.
    tables = segment(0xC4, b"\x00" + b"\x01" + b"\0" * 15 + b"\x00") + segment(0xC4, b"\x10" + b"\x01" + b"\0" * 15 + b"\x00")
    blocks = -(-width // 8) * -(-height // 8)
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\0" * (-(-2 * blocks // 8))
    return b"\xff\xd8" + quantization + frame + tables + scan + b"\xff\xd9"


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=zipfile.ZIP_DEFLATED)
    return out.getvalue()


def idx(shape, data):
    return struct.pack(">BBBB", 0, 0, 8, len(shape)) + b"".join(struct.pack(">I", n) for n in shape) + data


def configurations():
    for path in sorted((ROOT / "configs").glob("*.toml")):
        if "task" in (text := path.read_text()) or "[network]" in text:
            keep("config", path.stem, {"config.toml": text.encode(), "set": b"train.epochs=2\nseed=3\n"})
    rules = ["bp", "mean-jacobian", "fa", "dfa", "vnc", "nmnc", "node-perturbation", "direct-mirror", "weight-mirror", "manifold-mirror"]
    for rule in rules:
        text = f'[network]\npreset = "conv3"\nwidths = [4, 4, 4]\n\n[credit]\nrule = "{rule}"\n\n[train]\nepochs = 2\nbatch = 64\n'
        keep("config", f"rule-{rule}", {"config.toml": text.encode(), "set": b"data.train_limit=256\ncheckpoint.interval=4\n"})
    for task in ["DelayMatchSample", "ReadySetGo", "Copying", "SequentialImages"]:
        text = f'[task]\nname = "{task}"\n\n[recurrent]\nunits = 16\n\n[credit]\nrule = "nmnc"\nlags = 3\n\n[train]\nepochs = 2\n'
        keep("config", f"task-{task}", {"config.toml": text.encode(), "set": b"recurrent.tau=50\nrecurrent.gain=1.2\n"})
    stages = """\
[data]
source = "set.npz"
standardize = { mean = [0.5], sd = [0.25] }
augment = { crop = 2, flip = true }

[[network.stages]]
kind = "conv"
channels = 4
kernel = 3

[[network.stages]]
kind = "dense"
units = 8

[credit]
rule = "nmnc"
interval = 5
manifold = { dimension = 4, refresh = 3, samples = 32 }

[train]
epochs = 3
optimizer = { name = "adam", learning_rate = 1e-3 }
schedule = { shape = "cosine" }
"""
    keep("config", "stages", {"config.toml": stages.encode(), "set": b"network.scale=0.5\n"})


def arrays():
    keep("npy", "float32", {"a.npy": npy("<f4", (8, 3), floats(*range(24)))})
    keep("npy", "fortran", {"a.npy": npy("<f8", (4, 2), floats(*range(8), kind="d"), fortran=True)})
    keep("npy", "halves", {"a.npy": npy(">f2", (4, 2), struct.pack(">8e", *range(8)))})
    keep("npy", "python2", {"a.npy": npy("<i2", "(4L, 2L)", struct.pack("<8h", *range(8)))})
    keep("npy", "table", {"a.csv": b"a,b\n1,2\n3,5\n-1,nan\n2,2e3\n"})
    keep("npy", "refused-matlab", {"a.mat": b"MATLAB 5.0 MAT-file, Platform: nt"})
    keep("npy", "jacobians", {"a.npy": npy(">f8", (2, 3, 4), struct.pack(">24d", *range(24)))})
    keep("npy", "archive", {"a.npz/data.npy": npy("<f4", (8, 3), floats(*range(24)))})
    labels = npy("<i8", (4,), integers(0, 1, 1, 0))
    for name, x in {
        "bytes": npy("|u1", (4, 5, 5), bytes(range(100))),
        "floats": npy("<f4", (4, 1, 3, 3), floats(*range(36))),
        "last": npy("<f8", (4, 2, 2, 3), floats(*range(48), kind="d")),
    }.items():
        names = ["x_train", "y_train", "x_test", "y_test"]
        keep("npz", name, {f"set.npz/{n}.npy": part for n, part in zip(names, [x, labels, x, labels])})
    features = {"x_train": npy("<i4", (4, 3), struct.pack("<12i", *range(12))), "y_train": labels}
    keep("npz", "features", {f"set.npz/{n}.npy": part for n, part in features.items()} | {f"set.npz/{n.replace('train', 'test')}.npy": part for n, part in features.items()})
    keep("npz", "packed", {"set.npz": zipped({"x_train.npy": x, "y_train.npy": labels, "x_test.npy": x, "y_test.npy": labels})})
    keep("npz", "folder", {f"set/{s}.npz/{n}.npy": p for s in ["train", "test"] for n, p in [("x", x), ("y", labels)]})
    inputs, kinds = npy("<f4", (3, 2, 2), floats(*range(12))), npy("<i8", (3, 2), integers(0, 1, 1, 0, 0, 1))
    keep("trials", "classes", {"trials.npz/inputs.npy": inputs, "trials.npz/targets.npy": kinds})
    keep("trials", "graded", {
        "trials.npz/inputs.npy": inputs, "trials.npz/targets.npy": kinds, "trials.npz/strength.npy": npy("<f4", (2,), floats(-0.5, 6.4)),
    })
    values = npy("<f4", (3, 2, 1), floats(*range(6)))
    keep("trials", "values", {
        "trials.npz/inputs.npy": inputs, "trials.npz/targets.npy": values, "trials.npz/kind.npy": npy("<i8", (1,), integers(3)),
        "trials.npz/outputs.npy": npy("<i8", (1,), integers(1)), "trials.npz/tolerance.npy": npy("<f8", (1,), floats(0.5, kind="d")),
    })


def pictures():
    members = {f"{split}/{kind}/{n}.png": png(6, 6, 1, value=20 * n) for split in ["train", "test"] for kind in "ab" for n in range(2)}
    keep("archive", "tar", {"set.tar": tar(members)})
    keep("archive", "tar-gz", {"set.tar.gz": gzip.compress(tar(members), mtime=0)})
    keep("archive", "folder", {f"set/{s}.tar.gz": gzip.compress(tar({f"a/{n}.jpg": jpeg() for n in range(3)}), mtime=0) for s in ["train", "test"]})
    samples = {f"n{n}.{ending}": content for n in range(2) for ending, content in {"cls": b"%d" % n, "png": png(6, 6, 1, value=20 * n)}.items()}
    shards = lambda pack, ending: {f"set/{s}-{n}.{ending}": pack(tar(samples)) for s, n in [("train", 0), ("train", 1), ("val", 0)]}
    keep("shards", "plain", shards(bytes, "tar"))
    keep("shards", "packed", shards(lambda content: gzip.compress(content, mtime=0), "tar.gz"))
    lone = {name: content for name, content in samples.items() if name != "n1.cls"}
    keep("shards", "refused-lone", shards(bytes, "tar") | {"set/train-1.tar": tar(lone)})
    for name, content in {"gray": png(6, 6, 1), "color": png(7, 6, 3), "alpha": png(6, 8, 4), "deep": png(6, 6, 3, bits=16)}.items():
        keep("pictures", name, {f"set/{s}/{kind}/{n}.png": content for s in ["train", "test"] for kind in "ab" for n in range(2)})
    keep("pictures", "jpeg", {f"set/{s}/{kind}/{n}.jpg": jpeg(8 + n, 8) for s in ["train", "test"] for kind in "ab" for n in range(2)})


def old_formats():
    files = {"train-images-idx3-ubyte": idx((3, 2, 3), bytes(range(18))), "train-labels-idx1-ubyte": idx((3,), bytes([0, 1, 2]))}
    files |= {"t10k-images-idx3-ubyte": idx((2, 2, 3), bytes(12)), "t10k-labels-idx1-ubyte": idx((2,), bytes([2, 0]))}
    keep("idx", "plain", {f"set/{name}": content for name, content in files.items()} | {"set/classes.txt": b"cat\ndog\ncow\n"})
    keep("idx", "packed", {f"set/{name}.gz": gzip.compress(content, mtime=0) for name, content in files.items()})
    example = lambda labels, value: bytes(labels) + bytes([value]) * 3072
    names = [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]
    ten = {f"{name}.bin": example([n], 10 * n) for n, name in enumerate(names)}
    keep("cifar", "folder", {f"set/{name}": content for name, content in ten.items()})
    hundred = {f"cifar-100-binary/{name}.bin": example([3, n], 99) for n, name in enumerate(["train", "test"])}
    keep("cifar", "archive", {"set.tar.gz": gzip.compress(tar(hundred), mtime=0)})


def brains():
    for path in sorted((ROOT / "crates/nmnc-testing/golden").glob("assembly_*.nc")):
        keep("assembly", path.stem, {"a.nc": path.read_bytes()})
    description = """\
name = "seed"
description = "what it is"

[stimuli]
folder = "pictures"
table = "stimuli.csv"
id = "name"
category = "kind"
selection = "first"

[[target]]
name = "one"
rdm = { file = "rdms.npz", array = "one" }

[[target]]
name = "two"
responses = { file = "two.npz", responses = "responses", stimulus = "stimulus", subject = "subject" }

[[control]]
name = "model"
rdm = { file = "rdms.npz", array = "model" }
"""
    n = 8
    table = "file,name,kind,first\n" + "".join(f"{i}.png,s{i},{'ab'[i % 2]},{i % 2}\n" for i in range(n))
    distances = [abs(i - j) / n for i in range(n) for j in range(n)]
    files = {"benchmark.toml": description.encode(), "stimuli.csv": table.encode()}
    files |= {f"rdms.npz/{name}.npy": npy("<f8", (n, n), floats(*distances, kind="d")) for name in ["one", "model"]}
    rows = 2 * n
    files["two.npz/responses.npy"] = npy("<f8", (rows, 6), floats(*(i * i * i * 7 % 31 for i in range(6 * rows)), kind="d"))
    files["two.npz/stimulus.npy"] = npy("<i8", (rows,), integers(*(i % n for i in range(rows))))
    files["two.npz/subject.npy"] = npy("<i8", (6,), integers(0, 0, 0, 1, 1, 1))
    files |= {f"pictures/{i}.png": png(6, 6, 1, value=9 * i) for i in range(n)}
    keep("benchmark", "whole", files)


def weights():
    header = {"layer.weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
              "layer.bias": {"dtype": "F16", "shape": [2], "data_offsets": [24, 28]},
              "count": {"dtype": "I64", "shape": [], "data_offsets": [28, 36]}}
    text = json.dumps(header).encode()
    file = struct.pack("<Q", len(text)) + text + floats(*range(6)) + b"\0\x3c\0\xc0" + integers(7)
    keep("weights", "safetensors", {"w.safetensors": file})
    keep("weights", "refused-offsets", {"w.safetensors": file.replace(b"[0, 24]", b"[0, 99]")})
    # What is called .npz is put together as an archive, so that damage gets past its checksums; files of PyTorch are known by content.
    golden = zipfile.ZipFile(ROOT / "crates/nmnc-testing/golden/weights.pth")
    names = [name for name in golden.namelist() if "/data" in name or name.endswith("byteorder")]
    files = {f"w.npz/{name}": golden.read(name) for name in names}
    keep("weights", "pytorch", files)
    pickle = next(name for name in files if name.endswith("data.pkl"))
    keep("weights", "refused-call", files | {pickle: b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R."})


def bombs():
    """What claims to be large, deep or long."""
    keep("npy", "refused-dimensions", {"a.npy": npy("<f4", "(" + "1, " * 5000 + ")", floats(1))})
    keep("npy", "refused-product", {"a.npy": npy("<f8", (1 << 32, 1 << 32), floats(1, kind="d"))})
    keep("npz", "refused-zeros", {"set.npz": zipped({"x_train.npy": npy("|u1", (1 << 20, 8, 8), bytes(1 << 22)), "y_train.npy": b""})})
    keep("idx", "refused-claims", {"set/train-images-idx3-ubyte": idx((1 << 31, 1 << 31, 1 << 31), b""), "set/train-labels-idx1-ubyte": idx((3,), b"")})
    large = jpeg().replace(struct.pack(">HH", 8, 8), struct.pack(">HH", 16384, 4096))
    keep("pictures", "refused-wide", {f"set/{s}/a/{n}.jpg": large for s in ["train", "test"] for n in range(2)})
    deep = png(6, 6, 3, bits=16).replace(struct.pack(">II", 6, 6), struct.pack(">II", 8192, 8192))
    keep("pictures", "refused-pixels", {f"set/{s}/a/{n}.png": deep for s in ["train", "test"] for n in range(2)})
    keep("archive", "refused-sizes", {"set.tar": tar({"train/a/0.png": b""}).replace(b"00000000000\0", b"77777777777\0", 1)})
    huge = "[network]\nwidths = [9223372036854775807]\npreset = \"mlp\"\n[credit]\nrule = \"nmnc\"\n"
    keep("config", "refused-widths", {"config.toml": huge.encode(), "set": b"train.epochs=4611686018427387904\n"})
    keep("config", "refused-nested", {"config.toml": b"a = " + b"[" * 3000, "set": b"a" + b".a" * 3000 + b"=1\n"})
    keep("config", "refused-levels", {"config.toml": b"", "set": b"a" + b".a" * 5_000 + b"=1\n"})


for make in [configurations, arrays, pictures, old_formats, brains, weights, bombs]:
    make()
print(f"{len(list(SEEDS.rglob('*/*')))} seeds, {sum(p.stat().st_size for p in SEEDS.rglob('*/*')) // 1024} KiB")
