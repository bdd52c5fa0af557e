"""What is disturbed: a command, how one goes on after it, and what must come out."""
import json
import shutil
import subprocess
from pathlib import Path

CONFIG = """\
seed = 0

[data]
train_limit = 64
test_limit = 32

[network]
preset = "mlp"
widths = [8]

[credit]
rule = "nmnc"

[credit.nmnc]
interval = 1
manifold = { dimension = 4, refresh = 2, samples = 16 }

[train]
epochs = 2
batch = 32
optimizer = { name = "adam", learning_rate = 1e-3 }

[metrics]
interval = 1
alignment_interval = 2
dimension = 4
samples = 16

[checkpoint]
interval = 1
"""
# What a clock measured, and what says how a run was called.
CLOCKS = {"seconds", "images_per_second", "waiting", "command"}
# Belongs to whoever writes the folder. Of a process that is gone it means nothing.
LOCK = ".lock"
TRAIN = ["train", "c.toml", "--out", "run"]
# A command that takes longer hangs.
PATIENCE = 60


def nmnc(program, folder, arguments, environment=None):
    """Runs the program on one thread, so that its calls have an order."""
    command = [program, *arguments, "--threads", "1", "--quiet"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE)


def without_clocks(path):
    """The content of a file of a run that ought to be the same each time."""
    if path.suffix == ".jsonl":
        return [{k: v for k, v in json.loads(line).items() if k not in CLOCKS} for line in path.read_text().splitlines()]
    if path.name == "summary.json":
        return {k: v for k, v in json.loads(path.read_text()).items() if k not in CLOCKS}
    if path.name == "metrics.csv":
        rows = [line.split(",") for line in path.read_text().splitlines()]
        return [[cell for cell, name in zip(row, rows[0]) if name not in CLOCKS] for row in rows]
    if path.name == "records.csv":
        return [line for line in path.read_text().splitlines() if line.split(",")[-2] not in CLOCKS]
    if path.name == "records.json":
        # The steps of the rows so far; their length and hash are those of clock times, too.
        return json.loads(path.read_text())["records"]["steps"]
    if path.name == "SHA256SUMS.records":
        return None
    if path.parent.name == "cmp" and path.name == "report.html":
        # Says how long everything took.
        return path.read_text().rstrip().endswith("</html>")
    return path.read_bytes()


class Scenario:
    """`command` in a folder that `prepare` filled; `again` after a disturbance; `output` is the file or folder it makes."""

    def __init__(self, name, command, again, output, prepare=(), replaces=False):
        self.name, self.command, self.again, self.output = name, command, again, output
        self.prepare, self.replaces = prepare, replaces

    def lay(self, program, folder):
        """Fills a new folder with what is there before the command."""
        folder.mkdir(parents=True)
        (folder / "c.toml").write_text(CONFIG)
        for command in self.prepare:
            ran = nmnc(program, folder, command)
            if ran.returncode != 0:
                raise RuntimeError(f"{self.name}: {' '.join(command)}: {ran.stderr}")

    def result(self, folder):
        """Everything in the folder by name: nothing may be missing, and nothing be left over."""
        files = (p for p in sorted(folder.rglob("*")) if p.name != LOCK)
        return {str(p.relative_to(folder)): without_clocks(p) if p.is_file() else None for p in files}

    def made(self, folder):
        """The output alone, as it is."""
        path = folder / self.output
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): p.read_bytes() for p in files}

    def newest_checkpoint(self, folder):
        """The step of the latest whole checkpoint, of all runs together."""
        whole = (p.parent for p in folder.rglob("SHA256SUMS") if not any(q.name.startswith(".") for q in p.parents))
        newest = {}
        for path in whole:
            run = path.parent.parent
            newest[run] = max(newest.get(run, 0), int(path.name.removeprefix("step-")))
        return sum(newest.values())


def interrupted(program, folder):
    """Leaves of a finished run what one leaves that is killed after its third step."""
    run = folder / "run"
    shutil.rmtree(run / "checkpoints" / sorted(p.name for p in (run / "checkpoints").iterdir())[-1])
    (run / "summary.json").unlink()
    (run / "metrics.csv").unlink(missing_ok=True)


class Interrupted(Scenario):
    def lay(self, program, folder):
        super().lay(program, folder)
        interrupted(program, folder)


COMPARE = ["compare", "c.toml", "--rules", "bp,nmnc", "--seeds", "1", "--out", "cmp"]
ANALYZE = ["analyze", "run", "--out", "analysis"]
EXPORT = ["tasks", "export", "DelayMatchSample", "--out", "trials.npz", "--trials", "8"]
REPORT = ["report", "run", "--out", "page.html"]
SCENARIOS = [
    Scenario("train", TRAIN, [*TRAIN, "--resume"], "run"),
    Interrupted("resume", [*TRAIN, "--resume"], [*TRAIN, "--resume"], "run", [TRAIN]),
    Scenario("compare", COMPARE, COMPARE, "cmp"),
    Scenario("analyze", ANALYZE, ANALYZE, "analysis", [TRAIN, [*ANALYZE, "--jacobians", "4"]], replaces=True),
    Scenario("report", REPORT, REPORT, "page.html", [TRAIN, REPORT], replaces=True),
    Scenario("export", EXPORT, EXPORT, "trials.npz"),
]


def copy(source: Path, target: Path):
    if target.exists():
        for path in [target, *target.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(target)
    shutil.copytree(source, target)
