#!/usr/bin/env python3
"""The licences of everything that is compiled into the programs, which have to go with them: THIRD_PARTY_NOTICES.txt.

    python3 scripts/notices.py            writes it
    python3 scripts/notices.py --check    compares it with Cargo.lock

Crates are those that a program of nmnc-cli contains with any features on the machines that deny.toml names: no build scripts, no proc
macros, no tests. Which these are depends on Cargo.lock alone, and so do the texts, which Cargo has checked. A crate that carries no
text gets the one of the licence it declares. Needs Python's standard library only.
"""
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NOTICES = ROOT / "THIRD_PARTY_NOTICES.txt"
TEXTS = ROOT / "scripts/dependencies/licences"
NAMED = re.compile(r"(?:un)?licen[cs]e|copying|copyright|notice", re.I)
NO_TEXT = {".rs", ".toml", ".json", ".html", ".yml", ".py", ".sh", ".csv", ".patch", ".png"}


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def compiled():
    """Packages that the programs contain, by name and version, without those of the project."""
    names = set()
    for target in tomllib.loads((ROOT / "deny.toml").read_text())["graph"]["targets"]:
        kinds = ["--edges", "normal,no-proc-macro", "--target", target, "--all-features"]
        tree = cargo("tree", "--locked", "--package", "nmnc-cli", "--package", "nmnc-py", *kinds, "--prefix", "none", "--format", "{p}")
        names |= {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    packages = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--all-features"))["packages"]
    found = [p for p in packages if p["source"] and (p["name"], "v" + p["version"]) in names]
    return sorted(found, key=lambda package: (package["name"], package["version"]))


def texts(package):
    """Licence and notice files of a package, or the texts of the licences it declares."""
    folder = Path(package["manifest_path"]).parent
    files = [f for f in folder.iterdir() if NAMED.match(f.name) and f.suffix not in NO_TEXT]
    files = sorted(g for f in files for g in ([f] if f.is_file() else f.rglob("*")) if g.is_file())
    found = [text for file in files if (text := file.read_bytes().decode(errors="replace").strip())]
    if found:
        return found
    declared = re.findall(r"[\w.+-]+", re.sub(r"\b(?:OR|AND|WITH)\b|[()/]", " ", package["license"] or ""))
    known = [name for name in declared if (TEXTS / f"{name}.txt").is_file()]
    if not known:
        sys.exit(f"error: {package['name']} {package['version']}: no licence text, and none of `{package['license']}` in {TEXTS}")
    holders = ", ".join(package["authors"]) or f"the authors of {package['name']}"
    return [(TEXTS / f"{known[0]}.txt").read_text().strip().replace("<holders>", holders)]


def plain(text):
    """A text without what differs between copies of one licence: line ends and the width of lines."""
    return re.sub(r"\s+", " ", text)


def written():
    packages, groups = compiled(), {}
    for package in packages:
        for text in texts(package):
            groups.setdefault(plain(text), (text, []))[1].append(f"{package['name']} {package['version']}")
    lines = ["The programs of nmnc contain these crates, under the licences that follow.", ""]
    lines += [f"{p['name']} {p['version']}: {p['license'] or 'see below'}" for p in packages]
    for text, names in sorted(groups.values(), key=lambda group: (-len(group[1]), group[1])):
        body = "\n".join(line.rstrip() for line in text.expandtabs(4).replace("\r\n", "\n").split("\n"))
        lines += ["", "=" * 80, ", ".join(dict.fromkeys(names)), "=" * 80, "", body]
    return len(packages), len(groups), "\n".join(lines) + "\n"


def main():
    packages, groups, text = written()
    if sys.argv[1:] == ["--check"]:
        if not NOTICES.is_file() or NOTICES.read_text() != text:
            sys.exit(f"error: {NOTICES.name} is not that of Cargo.lock; `just notices` makes it")
    else:
        NOTICES.write_text(text)
    print(f"{NOTICES.name}: {packages} crates, {groups} texts, {len(text) // 1024} KiB")


if __name__ == "__main__":
    main()
