"""arrays.json: files of arrays as NumPy, SciPy and h5py write them, in hexadecimal, with numpy's numbers.

One matrix [3, 4] in every type, byte order and memory order, one array [2, 3, 4]
in both memory orders, an archive, tables of text, and files of other kinds of
which only the first 512 bytes are kept, as they are told by these. Python 2
wrote shapes such as (3L, 4L): the header is written out here.

Made with numpy 2.4.6, scipy 1.17.1 and h5py 3.16.0. Rerun: python scripts/golden/arrays.py [--out FOLDER]
"""
import argparse
import io
import json
import pickle
import tempfile
from pathlib import Path

import h5py
import numpy as np
import scipy.io

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
TYPES = ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "|i1", "<i2", ">i4", "<i8", "|u1", "<u2", ">u4", "<u8", "|b1"]


def saved(array):
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def foreign(folder, numbers):
    path = folder / "x"
    scipy.io.savemat(path, {"x": numbers}, appendmat=False)
    yield "x.mat", path.read_bytes()
    for name in ("x.h5", "x.nwb", "x73.mat"):
        with h5py.File(path, "w") as file:
            file["x"] = numbers
        yield name, path.read_bytes()
    yield "x.pkl", pickle.dumps(numbers)
    with scipy.io.netcdf_file(path, "w") as file:
        file.createDimension("n", 3)
    yield "x.nc", path.read_bytes()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    numbers = np.array([[0, 1, 2.5, -3], [100.25, 7, 0.125, 60000], [0, 1e-7, 255, -128.0]])
    cases = []

    def add(name, blob, array):
        cases.append({"name": name, "file": blob.hex(), "shape": list(array.shape), "values": array.astype(float).ravel().tolist()})

    for kind in TYPES:
        with np.errstate(invalid="ignore"):
            array = (numbers if "f" in kind else np.clip(numbers, 0 if "u" in kind else -128, 127)).astype(kind)
        if kind == "<u8":
            array[0, 0] = 2**63 + 2**40
        for order in "CF":
            add(f"{kind[1:]}{'be' if kind[0] == '>' else ''}-{order}.npy", saved(np.asarray(array, order=order)), array)
    cube = np.arange(24.0).reshape(2, 3, 4) * 0.5
    for order in "CF":
        add(f"cube-{order}.npy", saved(np.asarray(cube, order=order)), cube)
    old = saved(numbers)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (3L, 4L), }"
    start = 10 + int.from_bytes(old[8:10], "little")
    add("python2.npy", old[:10] + header.ljust(start - 11) + b"\n" + old[start:], numbers)
    archive = io.BytesIO()
    np.savez_compressed(archive, data=np.asfortranarray(numbers), other=cube)
    add("archive.npz", archive.getvalue(), numbers)
    for name, options in [("comma.csv", {"delimiter": ","}), ("tab.tsv", {"delimiter": "\t"}), ("blank.txt", {}),
                          ("header.csv", {"delimiter": ",", "header": "a,b,c,d", "comments": ""})]:
        text = io.StringIO()
        np.savetxt(text, numbers, **options)
        add(name, text.getvalue().encode(), numbers)
    with tempfile.TemporaryDirectory() as folder:
        others = [{"name": name, "file": blob[:512].hex()} for name, blob in foreign(Path(folder), numbers)]
    text = json.dumps({
        "made_by": "scripts/golden/arrays.py", "numpy": np.__version__, "scipy": scipy.__version__,
        "h5py": h5py.__version__, "cases": cases, "foreign": others}, indent=1)
    (out / "arrays.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
