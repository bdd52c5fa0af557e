"""Quantities over the rows of recorded CSVs: what the expressions of `results/checks.toml` are made of.

A column stands under its name (`test_accuracy`, `measured.accuracy`, `stage1.cosine`) as one number a row; arithmetic is by
rows, and between two selections only if they have the same seeds in the same order.
"""
import csv
import functools
import json
import math
import re
import statistics
from pathlib import Path

RESULTS = Path(__file__).resolve().parents[2] / "results"


class Values(list):
    """Numbers, one a row, and the seed of each row."""

    def __init__(self, numbers, seeds):
        super().__init__(numbers)
        self.seeds = list(seeds)

    def each(self, other, operation):
        if not isinstance(other, Values):
            return Values([operation(a, other) for a in self], self.seeds)
        if self.seeds != other.seeds:
            raise ValueError(f"seeds {self.seeds} against {other.seeds}")
        return Values([operation(a, b) for a, b in zip(self, other)], self.seeds)

    def __sub__(self, other):
        return self.each(other, lambda a, b: a - b)

    def __truediv__(self, other):
        return self.each(other, lambda a, b: a / b)

    def __mul__(self, other):
        return self.each(other, lambda a, b: a * b)

    __rmul__ = __mul__


class Part:
    """What a dotted name begins with."""

    def __init__(self, rows, name):
        self._rows, self._name = rows, name

    def __getattr__(self, name):
        return self._rows.named(f"{self._name}.{name}")


class Rows:
    """Some rows of a CSV."""

    def __init__(self, file, rows, every):
        self._file, self._rows, self._every = file, rows, every

    def at(self, selection):
        """Rows of the same file by `column=value, column=value|value`, in the order of their seeds."""
        return Rows(self._file, self._every, self._every).where(selection)

    def where(self, selection):
        """As `at`, but among these rows."""
        wanted = [part.strip().split("=", 1) for part in selection.split(",") if part.strip()]
        for name, _ in wanted:
            if name not in self._every[0]:
                raise ValueError(f"{self._file}: has no column {name}")
        rows = [row for row in self._rows if all(row[name] in values.split("|") for name, values in wanted)]
        if not rows:
            raise ValueError(f"{self._file}: no row has {selection}")
        return Rows(self._file, sorted(rows, key=lambda row: int(row.get("seed") or 0)), self._every)

    def named(self, name):
        if name in self._every[0]:
            return self.column(name)
        if any(column.startswith(f"{name}.") for column in self._every[0]):
            return Part(self, name)
        raise ValueError(f"{self._file}: has no column {name}")

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.named(name)

    def column(self, name, word=None):
        """A column as numbers; of cells that hold several, the one at place `word`, counted from 0."""
        cells = [row[name] for row in self._rows]
        if word is not None:
            cells = [cell.split()[word] for cell in cells]
        if "" in cells:
            raise ValueError(f"{self._file}: {name} is empty in a selected row")
        return Values(map(float, cells), (row.get("seed") for row in self._rows))

    def curve(self, name):
        """For each selected run the rows of curves.csv in which `name` stands."""
        runs = curves(str(Path(self._file).with_name("curves.csv")))
        found = {row["run"]: [record for record in runs[row["run"]] if record[name]] for row in self._rows}
        for run, records in found.items():
            if not records:
                raise ValueError(f"{run}: has no {name} in curves.csv")
        return found

    def last(self, name):
        """The last value of `name` in the curves of each selected run."""
        ends = [records[-1][name] for records in self.curve(name).values()]
        return Values(map(float, ends), (row["seed"] for row in self._rows))

    def stages(self, name, count=3):
        """The last value of each of the first stages, averaged over runs."""
        return [mean(self.last(f"stage{k}.{name}")) for k in range(1, count + 1)]


@functools.cache
def table(file):
    """All rows of a CSV under `results/`."""
    with open(RESULTS / file, newline="") as text:
        rows = list(csv.DictReader(text))
    return Rows(file, rows, rows)


@functools.cache
def document(file):
    """A JSON file under `results/`."""
    return json.loads((RESULTS / file).read_text())


@functools.cache
def curves(file):
    runs = {}
    for row in table(file)._every:
        runs.setdefault(row["run"], []).append(row)
    return runs


# --- over rows --------------------------------------------------------------------------------------------------------

def mean(values):
    return math.fsum(values) / len(values)


def deviation(values):
    """Standard deviation of a sample."""
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def sem(values):
    return deviation(values) / math.sqrt(len(values))


@functools.cache
def student(freedom):
    """The quantile .975 of Student's t, by bisection on Simpson's rule."""
    scale = math.gamma((freedom + 1) / 2) / (math.sqrt(freedom * math.pi) * math.gamma(freedom / 2))
    density = lambda t: scale * (1 + t * t / freedom) ** (-(freedom + 1) / 2)

    def beyond(t, steps=2000):
        h = t / steps
        inside = sum(density(h * k) * (1 if k in (0, steps) else 4 if k % 2 else 2) for k in range(steps + 1))
        return inside * h / 3 - 0.475

    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if beyond(middle) > 0 else (middle, high)
    return low


def half(values):
    """Half the 95 % t interval of a mean."""
    return student(len(values) - 1) * sem(values)


def same(values):
    """The one number that all rows have."""
    if len(set(values)) != 1:
        raise ValueError(f"not one number in all rows: {sorted(set(values))}")
    return values[0]


def interval(rows, name):
    """What a CSV says of a mean and its interval: the mean, and both ends."""
    middle, reach = same(rows.named(name)), same(rows.named("half_interval"))
    return [middle, middle - reach, middle + reach]


def less(rows, name, sign=1):
    """A difference as a CSV has it, with half its interval."""
    return [sign * same(rows.named(name)), same(rows.named(f"{name}_half_interval"))]


def above(rows, name):
    """In how many rows the interval of a difference lies above 0."""
    return sum(difference > reach for difference, reach in zip(rows.named(name), rows.named(f"{name}_half_interval")))


def below(rows, name):
    return sum(-difference > reach for difference, reach in zip(rows.named(name), rows.named(f"{name}_half_interval")))


def bounds(rows):
    """Intervals of a contrast over seeds and over stimuli."""
    return [rows.seeds_low, rows.seeds_high, rows.stimuli_low, rows.stimuli_high]


def solved(accuracies):
    """How many of how many are above 90 %."""
    return [sum(accuracy > 90 for accuracy in accuracies), len(accuracies)]


def spread(values):
    return [statistics.median(values), min(values), max(values)]


def reached(rows, accuracy):
    """The fewest probes with which the mean over runs of the measured test accuracy is as high."""
    records = list(rows.curve("test_accuracy").values())
    for at_once in zip(*records):
        if mean([float(record["test_accuracy"]) for record in at_once]) >= accuracy:
            return same([float(record["probes"]) for record in at_once])
    raise ValueError("never reached")


def span(values):
    """First and last of consecutive whole numbers."""
    if sorted(values) != [min(values) + k for k in range(len(values))]:
        raise ValueError(f"not consecutive: {values}")
    return [min(values), max(values)]


FUNCTIONS = {
    "median": statistics.median, "json": document, "mean": mean, "sem": sem, "half": half, "deviation": deviation, "same": same, "span": span, "interval": interval, "reached": reached, "less": less, "above": above, "below": below,
    "bounds": bounds, "solved": solved, "spread": spread, "count": len, "min": min, "max": max,
    "abs": abs, "sum": math.fsum, "sqrt": math.sqrt, "table": table, "range": range, "sorted": sorted, "zip": zip, "list": list, "float": float,
    # A mean with its standard error, or with half its interval.
    "pm": lambda values: [mean(values), sem(values)],
    "ci": lambda values: [mean(values), half(values)],
    # A difference of means with its standard error, of samples that are not paired.
    "apart": lambda a, b: [mean(a) - mean(b), math.hypot(sem(a), sem(b))],
}


class Scope(dict):
    """Names of an expression: the functions, and columns and methods of the selected rows."""

    def __init__(self, rows, selection):
        super().__init__(FUNCTIONS, __builtins__={}, rows=rows, other=lambda file: table(file).at(selection))
        self.rows = rows

    def __missing__(self, name):
        return getattr(self.rows, name)


@functools.cache
def evaluate(expression, file, selection):
    """The numbers that an expression gives over a selection of a CSV, in order."""

    def flat(value):
        return [number for item in value for number in flat(item)] if isinstance(value, (list, tuple)) else [float(value)]

    scope = Scope(table(file).at(selection) if file else None, selection)
    try:
        return flat(eval(compile(expression, expression, "eval"), scope, scope))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as problem:
        raise ValueError(f"`{expression}`: {problem}") from problem


# --- as printed -------------------------------------------------------------------------------------------------------

NUMBER = re.compile(r"(?:(?<![\w.])[-−])?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?:(?<![\w.])[-−])?(?<![\w.])\.\d+")


def printed(text):
    """(number, decimals) of each number in a text, and where it stands."""
    for match in NUMBER.finditer(text):
        digits = match[0].replace(",", "").replace("−", "-")
        yield float(digits), len(digits.partition(".")[2]), match.span()


def agrees(value, number, decimals):
    """Is `number`, printed with so many decimals, `value` rounded?"""
    return abs(value - number) <= 0.5 * 10 ** -decimals + 1e-9 * max(1, abs(value))
