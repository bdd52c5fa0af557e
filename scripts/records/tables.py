"""runs.csv and curves.csv of a recorded folder: from what runs leave behind, and the check that nothing was lost.

Numbers go from JSON to CSV as they are written.
"""
import csv
import io
import json
import re

from records import configuration
from records.configuration import Literal

# Keys of a run in both files.
KEYS = ["set", "run", "condition", "seed"]
# Groups of `metrics.jsonl` and `summary.json` whose own name goes before that of their numbers, or not.
PREFIX = {"train": "train_", "test": "test_", "trials": ""}


def parse(text):
    return json.loads(text, parse_float=Literal, parse_int=Literal)


def plain(value):
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def grouped(pairs):
    for key, value in pairs:
        if key in PREFIX:
            for name, number in (value or {}).items():
                yield PREFIX[key] + name, plain(number)
        else:
            yield key, value


def record_row(record):
    """One line of `metrics.jsonl`. The units of stages are those of `summary.json`, names of a task's conditions those of columns."""
    row = {}
    for key, value in grouped(record.items()):
        if key == "stages":
            for stage in value:
                row |= {f"stage{stage['stage']}.{k}": plain(v) for k, v in stage.items() if k not in ("stage", "units")}
        elif key == "conditions":
            for own in value:
                row |= {f"condition {own['condition']}.{k}": plain(v) for k, v in own.items() if k != "condition"}
        else:
            row[key] = plain(value)
    return row


def summary_row(summary):
    row = {}
    for key, value in grouped(summary.items()):
        if key == "environment":
            row |= dict(value)
        elif key == "stage_units":
            row[key] = " ".join(value)
        elif key == "warnings":
            row[key] = " | ".join(value)
        else:
            row[key] = plain(value)
    return row


def setting_row(config, differing):
    pairs = dict(configuration.leaves(configuration.parse(config)))
    shown = {}
    for path in differing:
        if path in pairs:
            value = pairs[path]
            shown[f"config.{path}"] = value if isinstance(value, str) else configuration.inline(value)
    return shown


def measured_rows(text):
    """Rows of an experiment's own runs.csv by the name it gives the run, as columns `measured.*`."""
    rows = {}
    for row in csv.DictReader(io.StringIO(text)):
        sized = [f"n{row['units']}"] if row.get("units") else [f"x{row['scale']}"] if row.get("scale") else []
        budget = [f"p{row['budget']}"] if row.get("budget") else []
        parts = [row["task"]] if row.get("task") else []
        name = "-".join([*parts, row["condition"], *budget, *sized, f"seed{row['seed']}"])
        if name in rows:
            raise ValueError(f"{name}: two rows of runs.csv")
        rows[name] = {f"measured.{key}": value for key, value in row.items() if key != "seed"}
    return rows


def named(run, row):
    found = re.search(r"seed(\d+)$", run)
    inside = {"set": run.partition("/")[0]} if "/" in run else {}
    return inside | {"run": run, "condition": configuration.condition_of(run), "seed": found[1] if found else ""} | row


def write(rows):
    """CSV of rows with all their columns, in one order that agrees with that of every row."""
    columns, known = [], set()
    for row in rows:
        at = 0
        for key in row:
            if key in known:
                at = columns.index(key) + 1
            else:
                columns.insert(at, key)
                known.add(key)
                at += 1
    columns.sort(key=lambda name: name.startswith("measured."))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def joined(texts):
    """One CSV of tables of the same kind by set name, with a column `set` if there are several."""
    return write([({"set": name} if name else {}) | row for name, text in texts.items() for row in read(text)])


# --- nothing lost -----------------------------------------------------------------------------------------------------

def numbers(value):
    """Every number, name of a state and text in a JSON value, by itself."""
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return [] if value is None or value == "" else [plain(value)]
    return [number for item in value for number in numbers(item)]


def missing(values, row):
    """What of `values` is not in `row`, each cell counted once."""
    cells = {}
    for cell in row.values():
        cells[cell] = cells.get(cell, 0) + 1
    lost = []
    for value in values:
        if cells.get(value, 0) > 0:
            cells[value] -= 1
        else:
            lost.append(value)
    return lost


def check_curves(text, records):
    """Compares curves.csv with (records, units of stages) of every run, and returns the number of numbers found."""
    rows, count = {}, 0
    for row in read(text):
        rows.setdefault(row["run"], []).append({key: cell for key, cell in row.items() if key not in KEYS})
    for run, (lines, units) in records.items():
        if len(rows.get(run, [])) != len(lines):
            raise ValueError(f"{run}: {len(lines)} records, {len(rows.get(run, []))} rows")
        for record, row in zip(lines, rows.get(run, [])):
            stages = record.get("stages", [])
            if [(stage["stage"], stage["units"]) for stage in stages] != [(str(k + 1), n) for k, n in enumerate(units)][: len(stages)]:
                raise ValueError(f"{run}: stages are not those of its summary")
            measured = [{key: value for key, value in stage.items() if key not in ("stage", "units")} for stage in stages]
            shown = [{key: value for key, value in own.items() if key != "condition"} for own in record.get("conditions", [])]
            values = numbers(record | {"stages": measured, "conditions": shown})
            lost = missing(values, row)
            if lost:
                raise ValueError(f"{run}, step {record['step']}: not in curves.csv: {lost}")
            count += len(values) + 2 * len(stages)
    return count


def check_runs(text, summaries):
    """Compares runs.csv with the summary of every run, and returns the number of values found."""
    rows, count = {row["run"]: row for row in read(text)}, 0
    for run, summary in summaries.items():
        rest = {k: v for k, v in summary.items() if k not in ("stage_units", "warnings", "environment")}
        values = numbers(rest) + [" ".join(summary["stage_units"])] + [value for _, value in summary["environment"]]
        row = {k: v for k, v in rows[run].items() if k not in ("set", "run", "condition") and not k.startswith(("config.", "measured."))}
        lost = missing(values, row)
        lost += [warning for warning in summary["warnings"] if warning not in row["warnings"]]
        if lost:
            raise ValueError(f"{run}: not in runs.csv: {lost}")
        count += len(values) + len(summary["warnings"])
    return count
