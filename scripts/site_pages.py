#!/usr/bin/env python3
"""Assembles the pages of the documentation site under target/site-pages, in the layout of the repository, so that links hold.

    python3 scripts/site_pages.py [--program target/release/nmnc]
    mkdocs build --strict

Beside the documents of the repository there are pages made here: every command with its options, from the program's own help; the
Python API, from its docstrings; the examples, from their scripts. A line `<!-- figure: PAGE | TITLE -->` in a document becomes that
figure of a page that the program has drawn.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ROOT / "target" / "site-pages"
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "results"]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
FIGURE = re.compile(r"<!-- figure: (\S+) \| (.+?) -->")
# Figures within text: the site's own lists are not legends, and the caption has no number.
WITHIN = """.md-typeset .nmnc-figure .legend { display: flex; flex-wrap: wrap; justify-content: center; gap: 0 1.2em; margin: 0; }
.md-typeset .nmnc-figure .legend li { list-style: none; margin: 0; }
.nmnc-figure .ordinal { display: none; }
"""
# What of the package users call, by heading.
API = {
    "Black boxes": ["nmnc.JacobianEstimator", "nmnc.Probes"],
    "Runs": ["nmnc.train", "nmnc.compare", "nmnc.load_run", "nmnc.Run", "nmnc.Network"],
    "Recordings": [
        "nmnc.Manifold",
        "nmnc.participation_ratio",
        "nmnc.two_nn",
        "nmnc.Estimate",
        "nmnc.captured_energy",
        "nmnc.CapturedEnergy",
        "nmnc.noise_alignment",
        "nmnc.NoiseAlignment",
        "nmnc.predicted_cosine",
        "nmnc.rsa",
    ],
    "PyTorch": ["nmnc.torch.NoiseCorrelation", "nmnc.torch.black_box"],
    "Errors": ["nmnc.errors"],
}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--program", type=Path, default=ROOT / "target" / "release" / "nmnc")
    program = options.parse_args().program
    if not program.exists():
        sys.exit(f"{program}: is not there; build it by `cargo build --release --workspace --bin nmnc`")
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir(parents=True)
    styles: dict[str, str] = {}
    for name in DOCUMENTS:
        for source in sorted((ROOT / name).rglob("*.md")) if (ROOT / name).is_dir() else [ROOT / name]:
            text = FIGURE.sub(lambda match: figure(match[1], match[2], styles), source.read_text("utf-8"))
            put(source, to_pages(source, text))
            linked(source, text)
    write("docs/commands.md", commands(program))
    write("docs/api.md", api())
    write("docs/examples.md", examples())
    write("figures.css", "\n".join(styles.values()))
    print(PAGES.relative_to(ROOT))


def write(name: str, text: str) -> None:
    path = PAGES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def put(source: Path, text: str) -> None:
    write(str(source.relative_to(ROOT)), text)


def to_pages(source: Path, text: str) -> str:
    """`text` with links to folders leading to the page about them."""

    def page(link: re.Match) -> str:
        folder = (source.parent / link[1]).resolve()
        if not folder.is_dir():
            return link[0]
        about = ROOT / "docs" / "examples.md" if folder == ROOT / "python" / "examples" else folder / "README.md"
        return f"]({os.path.relpath(about, source.parent)})"

    return LINK.sub(page, text)


def linked(source: Path, text: str) -> None:
    """Copies the files beside documents that `text` links to."""
    for target, _ in LINK.findall(text):
        path = (source.parent / target).resolve()
        if "://" in target or path.suffix == ".md" or not path.is_relative_to(ROOT):
            continue
        place = PAGES / path.relative_to(ROOT)
        if path.is_file() and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def figure(page: str, title: str, styles: dict[str, str]) -> str:
    """A figure of a page of the program, with the page's styles kept to figures."""
    text = (ROOT / page).read_text("utf-8")
    found = [f for f in re.findall(r"<figure.*?</figure>", text, re.DOTALL) if f" {title}</h3>" in f]
    if not found:
        sys.exit(f"{page}: has no figure `{title}`")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1].replace(":root", "&")
    styles["figure"] = ".nmnc-figure {\n" + style + "}\n" + WITHIN
    drawn = re.sub(r"\s*\n\s*", "\n", found[0])
    return f'<div class="nmnc-figure">\n{drawn}\n</div>\n'


def commands(program: Path) -> str:
    """Every command, with what the program says of it."""
    pages = ["# Every command\n\nWhat `nmnc help COMMAND` prints. Every command ends with one of the exit codes below.\n"]

    def visit(names: list[str]) -> None:
        text = subprocess.run(
            [program, *names, "--help"], check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "100"}
        ).stdout
        heading = " ".join(["#" * (len(names) + 1), "nmnc", *names])
        pages.append(f"{heading}\n\n```text\n{text.strip()}\n```\n")
        listed = re.search(r"^Commands:\n((?: .*\n|\n)+?)(?=^\S|\Z)", text, re.MULTILINE)
        for name in re.findall(r"^  (\w[\w-]*) ", listed[1] if listed else "", re.MULTILINE):
            if name != "help":
                visit([*names, name])

    visit([])
    return "\n".join(pages)


def api() -> str:
    """The Python API: what of the list is there."""
    sys.path.insert(0, str(ROOT / "python"))
    lines = ["# Python\n", "`pip install .` in a clone of the repository; numpy is all it needs.\n"]
    for heading, names in API.items():
        there = [name for name in names if exported(name)]
        if there:
            lines += [f"## {heading}\n", *(f"::: {name}\n" for name in there)]
    return "\n".join(lines)


def exported(name: str) -> bool:
    """Whether the module of `name` exports it, read without importing anything."""
    module, _, last = name.rpartition(".")
    places = [ROOT / "python" / Path(*n.split(".")) for n in (module, name)]
    if any(path.exists() for path in (places[1].with_suffix(".py"), places[1] / "__init__.py")):
        return True
    file = places[0] / "__init__.py"
    if not file.exists():
        return False
    for node in ast.parse(file.read_text("utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(getattr(target, "id", None) == "__all__" for target in targets):
            return last in ast.literal_eval(node.value)
    return False


def examples() -> str:
    """Every script of python/examples: what it says of itself, and its code."""
    lines = ["# Examples\n", "Scripts of `python/examples`. Each is run by continuous integration.\n"]
    for path in sorted((ROOT / "python" / "examples").glob("*.py")):
        text = path.read_text("utf-8")
        about = ast.get_docstring(ast.parse(text)) or path.stem
        title, _, rest = about.partition("\n")
        code = re.sub(r'^(#!.*\n)?\s*""".*?"""\s*', "", text, count=1, flags=re.DOTALL)
        lines += [f"## {title.rstrip('.')}\n", rest.strip() + "\n", f'```python title="python/examples/{path.name}"\n{code}```\n']
    return "\n".join(lines)


if __name__ == "__main__":
    main()
