"""The configurations of many runs in one file, from which each comes back byte for byte.

`config.toml` of a recorded folder holds what all runs share as it stands in a run's own configuration, then for every
condition the keys in which it differs, as `[conditions.NAME]`, and last the order of all keys (`[record]`; rules may
have contrary ones), which nothing but the SHA-256 of a rebuilt file depends on. A run's configuration is the shared part, its condition's keys and
its seed. Numbers are kept as they are written, never parsed.
"""
import re
import tomllib


class Literal(str):
    """A number as it stands in a file."""


def parse(text):
    return tomllib.loads(text, parse_float=Literal)


def leaves(table, path=()):
    """(dotted path, value) of everything that is not a table, in order. A list of tables is one value."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from leaves(value, (*path, key))
        else:
            yield ".".join((*path, key)), value


def inline(value):
    """A value on one line."""
    if isinstance(value, Literal):
        return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        if any(ord(c) < 32 or c in '"\\' for c in value):
            raise ValueError(f"{value!r}: text with quotes, backslashes or control characters is not provided for")
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return "{ " + ", ".join(f"{key} = {inline(item)}" for key, item in value.items()) + " }"


def lines(value):
    """A value as nmnc writes it: a list of several over lines, lists in it without further indent."""
    if isinstance(value, list) and len(value) > 1:
        return "[\n" + "".join(f"    {lines(item)},\n" for item in value) + "]"
    return inline(value)


def nested(pairs):
    table = {}
    for path, value in pairs:
        *tables, key = path.split(".")
        place = table
        for name in tables:
            place = place.setdefault(name, {})
        place[key] = value
    return table


def is_tables(value):
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def write(table, path=()):
    """TOML as nmnc writes it: values before tables, lists of several values over lines."""
    blocks, values = [], []
    for key, value in table.items():
        if isinstance(value, dict) or is_tables(value):
            continue
        values.append(f"{key} = {lines(value)}")
    if values:
        blocks.append("\n".join(([f"[{'.'.join(path)}]"] if path else []) + values))
    for key, value in table.items():
        name = ".".join((*path, key))
        if isinstance(value, dict):
            blocks += write(value, (*path, key))
        elif is_tables(value):
            blocks += [f"[[{name}]]\n" + "\n".join(f"{k} = {inline(v)}" for k, v in item.items()) for item in value]
    return blocks


def text(table):
    return "\n\n".join(write(table)) + "\n"


def merged_order(sequences):
    """One order of all keys that agrees with that of every sequence."""
    followers = {}
    for sequence in sequences:
        for key in sequence:
            followers.setdefault(key, set())
        for before, after in zip(sequence, sequence[1:]):
            followers[before].add(after)
    order, state = [], {}

    def visit(key):
        if state.get(key) == "open":
            raise ValueError(f"configurations name their keys in contrary orders: {key}")
        if key not in state:
            state[key] = "open"
            for after in sorted(followers[key], reverse=True):
                visit(after)
            state[key] = "done"
            order.append(key)

    for key in reversed(list(followers)):
        visit(key)
    return order[::-1]


def condition_of(name):
    return re.sub(r"-seed\d+$", "", name)


def combine(configs):
    """The one file for `configs`, texts by run name, and the keys in which conditions differ."""
    found = {name: dict(leaves(parse(text))) for name, text in configs.items()}
    conditions = {}
    for name, pairs in found.items():
        pairs = {path: value for path, value in pairs.items() if path != "seed"}
        if conditions.setdefault(condition_of(name), pairs) != pairs:
            raise ValueError(f"{name}: differs from other runs of {condition_of(name)} in more than the seed")
    first = next(iter(conditions.values()))
    shared = [path for path in first if all(path in c and same(c[path], first[path]) for c in conditions.values())]
    agreeing, contrary = [], {}
    for name, pairs in found.items():
        try:
            order = merged_order([*agreeing, list(pairs)])
            agreeing.append(list(pairs))
        except ValueError:
            contrary[condition_of(name)] = list(pairs)
    order += [path for own in contrary.values() for path in own if path not in order]
    order = list(dict.fromkeys(order))
    differing = [path for path in order if path not in shared and path != "seed"]
    out = ["# What every run shares; what the conditions add stands under [conditions]. `python3 scripts/record.py --config FOLDER RUN`",
           "# prints the configuration of one run: the shared part, its condition's keys, and its seed.", ""]
    out.append(text(nested((path, first[path]) for path in order if path in shared)))
    for name, pairs in conditions.items():
        seeds = [found[run]["seed"] for run in found if condition_of(run) == name]
        out.append(f'[conditions."{name}"]  # seeds {ranges(seeds)}')
        out += [f"{path} = {inline(pairs[path])}" for path in order if path in pairs and path in differing]
        out.append("")
    out.append("# The order in which a run's own file names its keys, so that its SHA-256 comes out the same.")
    out += ["[record]", "order = [", *(f'    "{path}",' for path in order), "]", ""]
    if contrary:
        out += ["# Conditions that name them in an order of their own.", "[record.orders]"]
        out += [f'"{name}" = {inline(own)}' for name, own in contrary.items()] + [""]
    return "\n".join(out), differing


def same(a, b):
    return type(a) is type(b) and a == b


def ranges(seeds):
    seeds = sorted(seeds)
    consecutive = seeds == list(range(seeds[0], seeds[0] + len(seeds))) and len(seeds) > 2
    return f"{seeds[0]} to {seeds[-1]}" if consecutive else ", ".join(map(str, seeds))


class Combined:
    """A recorded `config.toml`."""

    def __init__(self, combined):
        table = parse(combined)
        record = table.pop("record")
        self.order, self.orders = record["order"], record.get("orders", {})
        self.conditions = {name: dict(leaves(part)) for name, part in table.pop("conditions").items()}
        self.shared = dict(leaves(table))

    def rebuild(self, run, seed):
        """The configuration of a run as the run's own file had it."""
        pairs = self.shared | self.conditions[condition_of(run)] | {"seed": seed}
        order = self.orders.get(condition_of(run), self.order)
        return text(nested((path, pairs[path]) for path in order if path in pairs))
