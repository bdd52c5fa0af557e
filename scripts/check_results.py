#!/usr/bin/env python3
"""Are the numbers of README.md, results/README.md, results/*/README.md and docs those of the recorded CSVs?

    python3 scripts/check_results.py               checks, and says how many numbers
    python3 scripts/check_results.py --self-test   changes every checked number in its last place: each must be noticed

`results/checks.toml` says what every cell of a table and every number of a sentence is. A table that it does not name is an
error, and so is a recorded run whose configuration does not come back with its SHA-256, or any of its records. Needs Python's standard library only.
"""
import hashlib
import re
import sys
import tomllib
from pathlib import Path

sys.dont_write_bytecode = True
from records import configuration, quantities, runs, tables

ROOT = Path(__file__).resolve().parents[1]
CHECKS = ROOT / "results/checks.toml"


class Number:
    """A printed number: file, place in its text, and what it must be."""

    def __init__(self, file, text, start, token, value):
        (self.number, self.decimals, (low, high)), self.value = token, value
        self.file, self.span = file, (start + low, start + high)
        self.line = text.count("\n", 0, self.span[0]) + 1

    def problem(self):
        if not quantities.agrees(self.value, self.number, self.decimals):
            return f"{self.file}:{self.line}: {self.number:.{self.decimals}f} is {self.value:.{self.decimals + 2}f} in the records"


def compare(file, text, start, passage, values, what):
    """The numbers of `passage`, which begins at `start`, beside the values they must have."""
    tokens = list(quantities.printed(passage))
    if len(tokens) != len(values):
        line = text.count("\n", 0, start) + 1
        raise ValueError(f"{file}:{line}: {what}: {len(tokens)} numbers for {len(values)} values of the records")
    return [Number(file, text, start, token, value) for token, value in zip(tokens, values)]


# --- tables -----------------------------------------------------------------------------------------------------------

def table_blocks(text):
    """(header, rows) of every Markdown table; a row is its cells with their places."""
    for match in re.finditer(r"(?:^\|.*\n)+", text, re.M):
        rows, start = [], match.start()
        for line in match[0].splitlines(keepends=True):
            cells, at = [], start + 1
            for cell in line.strip()[1:-1].split("|"):
                cells.append((cell, at))
                at += len(cell) + 1
            rows.append(cells)
            start += len(line)
        yield " | ".join(cell.strip() for cell, _ in rows[0]), rows[2:]


def label(cell):
    return re.sub(r"[*`]|\[|\]\([^)]*\)", "", cell).strip()


def check_table(check, file, text):
    found = [rows for header, rows in table_blocks(text) if header.startswith(check["header"])]
    if len(found) != 1:
        raise ValueError(f"{file}: {len(found)} tables begin with `{check['header']}`")
    rows, wanted, numbers = found[0], check["rows"], []
    if [label(row[0][0]) for row in rows] != [want[0] for want in wanted]:
        raise ValueError(f"{file}: rows of `{check['header']}` are {[label(row[0][0]) for row in rows]}")
    for row, (name, selection, *own) in zip(rows, wanted):
        expressions = own[0] if own else check["cells"]
        if len(expressions) != len(row) - 1:
            raise ValueError(f"{file}: {name}: {len(row) - 1} cells, {len(expressions)} expressions")
        for (cell, start), expression in zip(row[1:], expressions):
            if expression == "-":
                continue
            values = quantities.evaluate(expression, check.get("source"), selection) if expression else []
            numbers += compare(file, text, start, cell, values, f"{name}, `{expression}`")
    return numbers


# --- sentences --------------------------------------------------------------------------------------------------------

def check_text(check, file, text):
    """`says` is the sentence with # for every number."""
    number = quantities.NUMBER.pattern
    parts = [r"\s+".join(map(re.escape, re.split(r"\s+", part))) for part in check["says"].split("#")]
    found = list(re.finditer(f"({number})".join(parts), text))
    if len(found) != 1:
        raise ValueError(f"{file}: {len(found)} times `{check['says']}`")
    values = [v for e in check["values"] for v in quantities.evaluate(e, check.get("source"), check.get("at", ""))]
    if len(values) != len(parts) - 1:
        raise ValueError(f"{file}: `{check['says']}`: {len(parts) - 1} numbers for {len(values)} values of the records")
    numbers = []
    for k, value in enumerate(values, 1):
        numbers += compare(file, text, found[0].start(k), found[0][k], [value], check["says"])
    return numbers


# --- all --------------------------------------------------------------------------------------------------------------

def run(checks, texts):
    """Every checked number, and what cannot be checked."""
    numbers, problems = [], []
    for kind, check_one in [("table", check_table), ("text", check_text)]:
        for check in checks[kind]:
            try:
                numbers += check_one(check, check["file"], texts[check["file"]])
            except ValueError as problem:
                problems.append(str(problem))
    return numbers, problems + [problem for number in numbers if (problem := number.problem())]


def uncovered(checks, texts):
    named = {(c["file"], c["header"]) for c in checks["table"] + checks.get("unchecked", [])}
    for file, text in texts.items():
        for header, _ in table_blocks(text):
            if not any(file == f and header.startswith(h) for f, h in named):
                yield f"{file}: the table `{header[:60]}` is not in results/checks.toml"


def recorded_runs():
    """Makes the files of every recorded run again: the number of runs, and those of which something does not come back."""
    count, problems = 0, []
    for file in sorted(ROOT.glob("results/*/config.toml")):
        parts, curves = configuration.Combined(file.read_text()), {}
        if (file.parent / "curves.csv").is_file():
            for line in tables.read((file.parent / "curves.csv").read_text()):
                curves.setdefault(line["run"], []).append(line)
        for row in tables.read((file.parent / "runs.csv").read_text()):
            if row["config_sha256"]:
                count += 1
                text = parts.rebuild(row["run"], int(row["seed"]))
                if hashlib.sha256(text.encode()).hexdigest() != row["config_sha256"]:
                    problems.append(f"results/{file.parent.name}/config.toml: the configuration of {row['run']} is not the recorded one")
                curve = curves.get(row["run"])
                lost = runs.lost(row, curve, runs.files(text, row, curve))
                if lost:
                    problems.append(f"results/{file.parent.name}: {row['run']} does not come back: {', '.join(sorted(set(lost)))}")
    return count, problems


def self_test(checks, texts, numbers):
    """Every number changed by two in its last place, one at a time: how many go unnoticed?"""
    unnoticed = []
    for number in numbers:
        low, high = number.span
        text = texts[number.file]
        changed = f"{abs(number.number) + 2 * 10 ** -number.decimals:.{number.decimals}f}"
        sign = text[low] if text[low] in "-−" else ""
        only = {kind: [c for c in checks[kind] if c["file"] == number.file] for kind in ("table", "text")}
        _, problems = run(only, texts | {number.file: text[:low] + sign + changed + text[high:]})
        if not problems:
            unnoticed.append(f"{number.file}:{number.line}: {text[low:high]} as {sign + changed} goes unnoticed")
    return unnoticed


def main():
    checks = tomllib.loads(CHECKS.read_text())
    pages = ["README.md", "results/README.md", *(str(file.relative_to(ROOT)) for file in sorted(ROOT.glob("results/*/README.md")))]
    named = [check["file"] for kind in ("table", "text") for check in checks[kind]]
    texts = {file: (ROOT / file).read_text() for file in dict.fromkeys(pages + named)}
    numbers, problems = run(checks, texts)
    problems += uncovered(checks, {file: texts[file] for file in pages})
    count, wrong = recorded_runs()
    problems += wrong
    if "--self-test" in sys.argv[1:] and not problems:
        problems += self_test(checks, texts, numbers)
        print(f"{len(numbers)} numbers changed one at a time")
    for problem in problems:
        print(f"error: {problem}")
    if problems:
        sys.exit(1)
    print(f"{len(numbers)} numbers of {len(checks['table'])} tables and {len(checks['text'])} sentences are those of the records; "
          f"{count} runs come back, their configurations with their SHA-256")


if __name__ == "__main__":
    main()
