#!/usr/bin/env python3
"""Do the links of the documents lead somewhere, can every document be found, and is the first page short?

    python3 scripts/check_documents.py

A link to a file of the repository must lead to one that git knows, one to a heading to a heading as GitHub names it, or to an
`id` of a page of the program. Every page of docs/ has its link in docs/README.md and its place in mkdocs.yml. README.md has at most
900 words, as `wc -w` counts them. Addresses elsewhere are not asked. Needs Python's standard library only.
"""

import functools
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORDS = 900
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"```.*?```|^    [^\n]*$|`[^`\n]*`", re.S | re.M)


@functools.cache
def known() -> set[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    folders = {str(parent) for name in listed for parent in Path(name).parents}
    return {*listed, *folders}


@functools.cache
def anchors(path: Path) -> set[str]:
    text = path.read_text("utf-8")
    if path.suffix == ".html":
        return set(re.findall(r'\bid="([^"]+)"', text))
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", text, flags=re.S), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        # A heading that is there already gets a number.
        again = sum(1 for name in found if re.fullmatch(rf"{re.escape(slug)}(-\d+)?", name))
        found.add(f"{slug}-{again}" if again else slug)
    return found


def problems(source: Path) -> list[str]:
    wrong = []
    text = source.read_text("utf-8")
    for target in LINK.findall(CODE.sub("", text)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (source.parent / name).resolve() if name else source
        place = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
        if place not in known():
            wrong.append(f"{source.relative_to(ROOT)}: `{target}` is not there")
        elif anchor and anchor not in anchors(path):
            wrong.append(f"{source.relative_to(ROOT)}: `{target}` has no such heading")
    return wrong


def main() -> None:
    documents = [ROOT / name for name in sorted(known()) if name.endswith(".md") and not name.startswith("crates/")]
    found = [problem for document in documents for problem in problems(document)]
    index = set(LINK.findall((ROOT / "docs/README.md").read_text("utf-8")))
    site = (ROOT / "mkdocs.yml").read_text("utf-8")
    for page in sorted(name for name in known() if re.fullmatch(r"docs/[^/]+\.md", name)):
        if page != "docs/README.md" and page.removeprefix("docs/") not in {link.partition("#")[0] for link in index}:
            found.append(f"docs/README.md: has no link to {page}")
        if f": {page}\n" not in site:
            found.append(f"mkdocs.yml: has no place for {page}")
    words = len((ROOT / "README.md").read_text("utf-8").split())
    if words > WORDS:
        found.append(f"README.md: has {words} words, {WORDS} at most; what a stranger does not ask first goes to docs/")
    for problem in found:
        print(f"error: {problem}")
    if found:
        sys.exit(1)
    print(f"{len(documents)} documents: every link leads somewhere, every page is in the index; README.md has {words} words")


if __name__ == "__main__":
    main()
