#!/usr/bin/env python3
"""Builds the Python package and checks it: lints, stubs, tests, examples, and an installation as a user makes it.

    python3 scripts/check_python.py              everything; what needs PyTorch is passed over where the environment has none
    python3 scripts/check_python.py --torch      installs PyTorch into the environment too (some gigabytes)
    python3 scripts/check_python.py --fetch      only makes the environment, so that it downloads while something else compiles

The environment is target/python. Tests and examples use the module that the workspace's build made; the installation is
`pip install .` into a second environment, target/python-user, and the first Python lines of README.md and docs/python.md run in it.
"""

import argparse
import os
import re
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BIN = "Scripts" if sys.platform == "win32" else "bin"
# What judges is pinned: a newer one has opinions of its own.
TOOLS = ["numpy", "pytest", "ruff==0.17.*", "mypy==2.4.*", "maturin>=1.9,<2", "scikit-learn", "pandas"]
SITE = ["mkdocs==1.6.*", "mkdocs-material==9.*", "mkdocstrings-python==2.*"]
# Those of the package; others of the project follow no line length.
SCRIPTS = ["check_documents", "check_python", "picture", "python_module", "site_pages", "yardstick_python"]
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run(*command: object, folder: Path = ROOT, **environment: str) -> None:
    words = [str(word) for word in command]
    print("$", " ".join(words), flush=True)
    start = time.monotonic()
    done = subprocess.run(words, cwd=folder, env={**os.environ, **environment}, check=False)
    if done.returncode:
        sys.exit(f"{words[0]} ended with code {done.returncode}")
    print(f"  {time.monotonic() - start:.0f} s", flush=True)


def environment(name: str, packages: list) -> Path:
    """The Python of an environment that has these packages."""
    folder = TARGET / name
    python = folder / BIN / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if packages:
        run(python, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check", *packages)
    return python


def first_lines(page: str) -> str:
    """The first Python block of a document."""
    found = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        sys.exit(f"{page} has no Python block")
    return found.group(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--torch", action="store_true", help="install PyTorch and torchvision")
    parser.add_argument("--fetch", action="store_true", help="only make the environment")
    arguments = parser.parse_args()

    python = environment("python", TOOLS + SITE + (["torch", "torchvision"] if arguments.torch else []))
    if arguments.fetch:
        return
    # With examples, whose needs are those of tests: dependencies have the features that tests compiled them with.
    run("cargo", "build", "--release", "--workspace", "--lib", "--examples")
    run(python, "scripts/python_module.py")
    run(python, "-m", "ruff", "check", "python", *(f"scripts/{name}.py" for name in SCRIPTS))
    here = {"PYTHONPATH": str(ROOT / "python"), **ONE_THREAD}
    run(python, "-m", "mypy.stubtest", "nmnc._native", "--ignore-disjoint-bases", **here)
    run(python, "-m", "pytest", "-rs", **here)
    for example in sorted((ROOT / "python" / "examples").glob("*.py")):
        run(python, example.relative_to(ROOT), **here, MPLBACKEND="Agg")

    user = environment("python-user", ["matplotlib"])
    run(user, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ".")
    for page in ["README.md", "docs/python.md"]:
        lines = TARGET / f"{Path(page).stem.lower()}.py"
        lines.write_text(first_lines(page), encoding="utf-8")
        # The second draws a picture where it stands.
        run(user, "-I", lines, folder=TARGET, MPLBACKEND="Agg")


if __name__ == "__main__":
    main()
