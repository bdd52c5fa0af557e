#!/usr/bin/env python3
"""The picture of README.md, docs/images/probes.svg: a figure of a recorded page, by itself.

    python3 scripts/picture.py            writes it
    python3 scripts/picture.py --check    says whether the file is that of the record

The page was drawn by `nmnc reproduce cifar10` and kept by `just record`. The figure takes its colors along, for light and for dark
surroundings, and gets a ground of its own, so that it can be read on any.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE, ARTICLE, TITLE = "results/2026-11-25-sample-efficiency/report.html", "five-budgets", "Accuracy against probes"
PICTURE = ROOT / "docs/images/probes.svg"
# Of the styles of the page those of drawings, but for how wide they are.
DRAWING = re.compile(r"^\.(plot(?= \.| text)|grid|axis|line|marker|band|reference|c\d)\b.*$", re.M)
FONT = 'text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", Arial, sans-serif; }'


def picture() -> str:
    page = (ROOT / PAGE).read_text("utf-8")
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    article = re.search(rf'<article id="{ARTICLE}">.*?</article>', page, re.S)[0]
    plot = rf'<svg class="plot[^>]*viewBox="([^"]*)"[^>]*>(<title[^>]*>{TITLE}</title>.*?)</svg>'
    box, drawing = re.search(plot, article, re.S).groups()
    x, y, width, height = box.split()
    drawn = set(re.findall(r"\bc\d\b", drawing))
    rules = [rule[0] for rule in DRAWING.finditer(style) if rule[1] in drawn or not re.fullmatch(r"c\d", rule[1])]
    names = set(re.findall(r"var\(--(\w+)\)", "\n".join(rules)))
    light, dark = (palette(block, names) for block in re.findall(r":root \{(.*?)\}", style, re.S)[:2])
    lines = [f":root {{ {light} }}", f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}", FONT, *rules]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" role="img" viewBox="{box}" width="640" height="400">',
        f"<!-- From {PAGE}, by scripts/picture.py -->",
        "<style>", *lines, "</style>",
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="var(--paper)"/>',
        re.sub(r"(?<=>)(?=<(?:text|line|rect|path|g|polygon)\b)", "\n", drawing),
        "</svg>\n",
    ])  # fmt: skip


def palette(block: str, names: set[str]) -> str:
    return " ".join(f"--{name}: {value};" for name, value in re.findall(r"--(\w+): (.*?);", block) if name in names)


def main() -> None:
    made = picture()
    if "--check" not in sys.argv[1:]:
        PICTURE.write_text(made, "utf-8")
    elif not PICTURE.exists() or PICTURE.read_text("utf-8") != made:
        sys.exit(f"{PICTURE.relative_to(ROOT)} is not that of {PAGE}; make it by `python3 scripts/picture.py`")


if __name__ == "__main__":
    main()
