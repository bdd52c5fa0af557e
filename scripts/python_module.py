#!/usr/bin/env python3
"""Puts the native module that `cargo build --release --workspace` made where `PYTHONPATH=python` finds it.

    cargo build --release --workspace --lib
    python3 scripts/python_module.py
    PYTHONPATH=python python3 -m pytest
"""

import os
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = {"darwin": "libnmnc_native.dylib", "win32": "nmnc_native.dll"}


def main() -> None:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = target / "release" / NAMES.get(sys.platform, "libnmnc_native.so")
    if not built.exists():
        sys.exit(f"{built}: is not there; build it by `cargo build --release --workspace --lib`")
    place = ROOT / "python" / "nmnc" / ("_native.pyd" if sys.platform == "win32" else "_native.abi3.so")
    # A module that is loaded must not change under the process that has it.
    fresh = place.with_suffix(".tmp")
    shutil.copyfile(built, fresh)
    os.replace(fresh, place)
    print(place.relative_to(ROOT))


if __name__ == "__main__":
    main()
