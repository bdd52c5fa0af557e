#!/usr/bin/env python3
"""Keeps what an experiment left behind, in few files.

    python3 scripts/record.py RUNS... DEST             one folder of runs, or several that one comparison consists of
    python3 scripts/record.py --config DEST RUN        prints the configuration of one run, byte for byte
    python3 scripts/record.py --compare RUNS DEST      is a comparison that was made again the one that was recorded?
    python3 scripts/record.py --restore DEST RUNS      makes its run folders again, without checkpoints, to add others to them

DEST gets runs.csv (a row a run: summary, settings that differ, and what the experiment measured of it), curves.csv (a row
a record), config.toml (what runs share, and what each condition adds), the report, and the tables and JSON of the
experiment. Several folders RUNS become one: their runs are called FOLDER/RUN, their tables get a column `set`, their
reports are joined. Checkpoints are not kept; the command of the experiment makes run folders again. Before it ends it
reads back what it wrote and compares every number and every byte of a configuration.
"""
import argparse
import hashlib
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from records import configuration, page, runs as folders, tables

# What differs between two executions of one run.
TIMES = {"seconds", "images_per_second", "measured.seconds"}
# What says where and by what a run was made. The configuration's digest contains the place of the data.
ORIGIN = {"command", "version", "burn", "rustc", "target", "device", "config_sha256"}


def fail(message):
    sys.exit(f"error: {message}")


class Runs:
    """The run folders of a comparison, by name."""

    def __init__(self, sources):
        self.configs, self.summaries, self.records, self.measured, self.others = {}, {}, {}, {}, {}
        for source in sources:
            self.add(source, source.name if len(sources) > 1 else "")

    def add(self, source, name):
        if not source.is_dir():
            fail(f"{source}: no such folder")
        called = f"{name}/" if name else ""
        for folder in sorted(f for f in source.iterdir() if (f / "config.toml").is_file()):
            run = called + folder.name
            if not (folder / "summary.json").is_file():
                fail(f"{folder}: has no summary.json; let the run finish with --resume")
            self.configs[run] = (folder / "config.toml").read_text()
            self.summaries[run] = tables.parse((folder / "summary.json").read_text())
            if (folder / "metrics.jsonl").is_file():
                self.records[run] = [tables.parse(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for file in sorted(f for f in source.iterdir() if f.suffix in (".csv", ".json", ".html") and f.name != "records.csv"):
            if file.name == "runs.csv":
                self.measured |= {called + run: row for run, row in tables.measured_rows(file.read_text()).items()}
            else:
                self.others.setdefault(file.name, {})[name] = file.read_text()

    def tables(self, differing):
        rows, curves = [], []
        for run in self.configs:
            row = tables.summary_row(self.summaries[run]) | tables.setting_row(self.configs[run], differing)
            rows.append(tables.named(run, row | self.measured.get(run, {})))
            curves += [tables.named(run, tables.record_row(record)) for record in self.records.get(run, [])]
        rows += [tables.named(run, row) for run, row in self.measured.items() if run not in self.configs]
        return tables.write(rows), tables.write(curves) if curves else None


def record(sources, dest):
    runs = Runs(sources)
    if not runs.configs and not runs.measured:
        fail(f"{sources[0]}: holds no runs (folders with config.toml and summary.json) and no runs.csv")
    files = {}
    combined, differing = configuration.combine(runs.configs) if runs.configs else (None, [])
    files["config.toml"] = combined
    files["runs.csv"], files["curves.csv"] = runs.tables(differing)
    for name, texts in runs.others.items():
        only = next(iter(texts.values())) if len(texts) == 1 else None
        if name.endswith(".html"):
            files[name] = only or page.joined(texts, dest.name)
        elif name.endswith(".csv"):
            files[f"{next(iter(texts)) or 'figure'}-{name}" if name in files else name] = only or tables.joined(texts)
        else:
            files[name] = only or "{\n" + ",\n".join(f"{json.dumps(key)}: {text.strip()}" for key, text in texts.items()) + "\n}\n"
    counted = check(runs, files)
    dest.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        if text is not None:
            (dest / name).write_text(text)
    print(f"{dest}: {counted}")


def check(runs, files):
    """Every run's configuration byte for byte and every number of its records, from what is to be written."""
    combined = configuration.Combined(files["config.toml"]) if runs.configs else None
    for run, config in runs.configs.items():
        if combined.rebuild(run, int(runs.summaries[run]["seed"])) != config:
            raise ValueError(f"{run}: its configuration does not come back")
    curves = {run: (lines, runs.summaries[run]["stage_units"]) for run, lines in runs.records.items()}
    numbers = tables.check_curves(files["curves.csv"], curves) if curves else 0
    values = tables.check_runs(files["runs.csv"], runs.summaries)
    records = sum(map(len, runs.records.values()))
    return (f"{len(runs.configs)} configurations come back byte for byte; found again {values} values of summaries, "
            f"{numbers} numbers of {records} records")


# --- reading back -----------------------------------------------------------------------------------------------------

def recorded(dest):
    for name in ("runs.csv", "config.toml"):
        if not (dest / name).is_file():
            fail(f"{dest}: has no {name}; a recorded comparison of runs has one")
    return {row["run"]: row for row in tables.read((dest / "runs.csv").read_text())}


def rebuilt(dest, run):
    """The configuration of a recorded run; its SHA-256 must be the recorded one."""
    row = recorded(dest).get(run)
    if row is None:
        fail(f"{dest}/runs.csv: has no run {run}")
    text = configuration.Combined((dest / "config.toml").read_text()).rebuild(run, int(row["seed"]))
    if hashlib.sha256(text.encode()).hexdigest() != row["config_sha256"]:
        fail(f"{dest}: the configuration of {run} does not have the recorded SHA-256")
    return text


def restore(dest, target):
    """Writes the run folders of a recorded comparison, those of several sets under the name of each."""
    if target.exists():
        fail(f"{target}: is there already")
    curves = {}
    if (dest / "curves.csv").is_file():
        for row in tables.read((dest / "curves.csv").read_text()):
            curves.setdefault(row["run"], []).append(row)
    rows = [row for row in recorded(dest).values() if row.get("config_sha256")]  # others never had a folder
    for row in rows:
        folder, curve = target / row["run"], curves.get(row["run"])
        files = folders.files(rebuilt(dest, row["run"]), row, curve)
        if folders.lost(row, curve, files):
            raise ValueError(f"{dest}: {row['run']} does not come back: {', '.join(folders.lost(row, curve, files))}")
        folder.mkdir(parents=True)
        for name, text in files.items():
            (folder / name).write_text(text)
    print(f"{target}: {len(rows)} runs, every number of them that of {dest}")


def compare(source, dest):
    """Says which numbers of runs made again are not the recorded ones. Times and origin are left out."""
    again, equal = Runs([source]), True
    tables_again = dict(zip(("runs.csv", "curves.csv"), again.tables([])))
    tables_again |= {name: next(iter(texts.values())) for name, texts in again.others.items() if name.endswith(".csv")}
    sets = any(row.get("set") == source.name for row in tables.read((dest / "runs.csv").read_text()))
    for name, text in tables_again.items():
        if text is None or not (dest / name).is_file():
            print(f"{name}: not on both sides")
            continue
        kept = {}
        for row in tables.read((dest / name).read_text()):
            if not sets or row.get("set", source.name) == source.name:
                kept.setdefault(row.get("run", ""), []).append(row)
        same, other, place = 0, {}, {}
        for row in tables.read(text):
            run = f"{source.name}/{row['run']}" if sets and "run" in row else row.get("run", "")
            at = place[run] = place.get(run, -1) + 1
            if at >= len(kept.get(run, [])):
                fail(f"{run or name}: row {at + 1} is not recorded in {dest / name}")
            for key, value in row.items():
                if key not in TIMES | ORIGIN | {"run", "condition", "set"}:
                    alike = value == kept[run][at].get(key, "")
                    same += alike and value != ""
                    other[run] = other.get(run, 0) + (not alike)
        other = {run: count for run, count in other.items() if count}
        equal &= not other
        print(f"{name}: {same} values the same, {sum(other.values())} different" + "".join(f"\n    {run or name}: {n}" for run, n in other.items()))
    return equal


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--config", action="store_true", help="print the configuration of a recorded run")
    parser.add_argument("--compare", action="store_true", help="compare runs made again with the recorded ones")
    parser.add_argument("--restore", action="store_true", help="make the run folders of a recorded comparison again")
    options = parser.parse_args()
    if len(options.folders) < 2:
        fail("two folders at least; see --help")
    if options.config:
        print(rebuilt(Path(options.folders[0]), options.folders[1]), end="")
    elif options.compare:
        sys.exit(0 if compare(Path(options.folders[0]), Path(options.folders[1])) else 1)
    else:
        try:
            if options.restore:
                return restore(Path(options.folders[0]), Path(options.folders[1]))
            record([Path(folder) for folder in options.folders[:-1]], Path(options.folders[-1]))
        except ValueError as problem:
            fail(problem)


if __name__ == "__main__":
    main()
