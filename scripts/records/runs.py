"""Run folders from a recorded comparison: what `record.py` read of each run, without checkpoints.

`nmnc report` reads them, and so does `record.py` itself: so runs are added to a comparison whose folders
are gone.
"""
import json
import re

from records import configuration, tables

# Fields of a summary whose cells are texts; those of the others are numbers or true and false.
TEXTS = {"rule", "status", "version", "device", "command", "config_sha256"}
# What a summary lists as pairs under `environment`.
ENVIRONMENT = ("burn", "rustc", "target")
# Groups of numbers, by what columns call these.
SCORE = ("loss", "accuracy", "top5")
GROUPS = {f"{group}_{name}": (group, name) for group in ("train", "test") for name in SCORE}
GROUPS |= {name: ("trials", name) for name in ("fixation_breaks", "misses", "unbroken_accuracy", "answer_error")}
# Numbers that are null, and not absent, where they are none: a diverging run's.
NULLABLE = {"images_per_second"}
NULLABLE_OF_STAGES = ("norm_ratio", "weight_norm_ratio")


def number(cell):
    return {"true": True, "false": False, "": None}.get(cell, configuration.Literal(cell))


def dumped(value):
    """JSON with its numbers as they are written."""
    if isinstance(value, configuration.Literal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{dumped(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(dumped, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def put(found, key, cell):
    """Puts a number into its group, if there is one."""
    group, name = GROUPS.get(key, (None, key))
    if cell != "" or key in NULLABLE:
        place = found.setdefault(group, {"loss": None} if name in SCORE else {}) if group else found
        place[name] = number(cell)


def summary(row):
    """`summary.json` of a row of runs.csv."""
    found = {}
    for key, cell in row.items():
        if key in ("set", "run", "condition") or key.startswith(("config.", "measured.")):
            continue
        if key == "psychometric" and cell:
            raise ValueError(f"{row['run']}: runs.csv has its psychometric curve as a text; make the run again")
        if key in ENVIRONMENT:
            found.setdefault("environment", []).append([key, cell])
        elif key == "stage_units":
            found[key] = [configuration.Literal(units) for units in cell.split()]
        elif key == "warnings":
            found[key] = cell.split(" | ") if cell else []
        elif key in TEXTS:
            found[key] = cell
        else:
            put(found, key, cell)
    return found


def record(row, units):
    """A line of `metrics.jsonl` of a row of curves.csv; `units` are those of the summary."""
    found, stages, conditions = {}, {}, {}
    for key, cell in row.items():
        of_stage, of_condition = re.fullmatch(r"stage(\d+)\.(\w+)", key), re.fullmatch(r"condition (.*)\.(\w+)", key)
        if key in tables.KEYS:
            continue
        if of_stage:
            if cell != "":
                stages.setdefault(int(of_stage[1]), {})[of_stage[2]] = number(cell)
        elif of_condition:
            if cell != "":
                conditions.setdefault(of_condition[1], {})[of_condition[2]] = number(cell)
        else:
            put(found, key, cell)
    if stages:
        absent = dict.fromkeys(NULLABLE_OF_STAGES)
        found["stages"] = [{"stage": configuration.Literal(k), "units": units[k - 1]} | absent | own for k, own in sorted(stages.items())]
    if conditions:
        found["conditions"] = [{"condition": name} | own for name, own in conditions.items()]
    return found


def files(config, row, curve):
    """The files of one run's folder by name: its configuration, its row of runs.csv and its rows of curves.csv."""
    whole = summary(row)
    found = {"config.toml": config, "summary.json": dumped(whole) + "\n"}
    if curve:
        found["metrics.jsonl"] = "".join(dumped(record(line, whole["stage_units"])) + "\n" for line in curve)
    return found


def lost(row, curve, found):
    """What of the recorded rows would not be recorded again from the files of the run's folder."""
    whole = tables.parse(found["summary.json"])
    again = [tables.summary_row(whole)]
    kept = [{key: cell for key, cell in row.items() if key == "seed" or not (key in tables.KEYS or key.startswith(("config.", "measured.")))}]
    if curve:
        again += [tables.record_row(tables.parse(line)) for line in found["metrics.jsonl"].splitlines()]
        kept += [{key: cell for key, cell in line.items() if key not in tables.KEYS} for line in curve]
    return [key for old, new in zip(kept, again, strict=True) for key in old | new if old.get(key, "") != new.get(key, "")]
