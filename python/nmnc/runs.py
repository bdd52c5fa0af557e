"""Training, and runs read back.

A run is described by a configuration (TOML, or a dict of the same shape) and leaves a folder: the resolved configuration, metrics,
checkpoints and a summary. `train` makes one, `load_run` reads one, also while it is being made by another process.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import NDArray

from nmnc import _native
from nmnc._progress import Line
from nmnc.errors import CheckpointError, ConfigError, DivergedError
from nmnc.network import Network

__all__ = ["Citation", "Run", "compare", "load_run", "train"]

Config = Union[str, "os.PathLike[str]", Mapping[str, Any]]
"""A file of TOML, its text, or a dict of the same shape."""

Progress = Union[bool, Callable[[int, int, float, float], None]]
"""Whether to show a line, or what is called with step, steps in all, loss, and examples a second."""


class Citation(NamedTuple):
    """A publication that a run used the work of."""

    text: str
    """The reference in one line."""
    bibtex: str
    """Its entry for BibTeX."""
    settings: list[str]
    """The settings that it is cited for."""


class Run:
    """A run folder, as it is when it is read.

    Made by `train`, `compare` and `load_run`.

    Attributes
    ----------
    path : Path
        The folder.
    config : dict
        The configuration with every default spelled out.
    metrics : dict of str to ndarray, each of shape (records,)
        The columns of ``metrics.csv``, what `pandas.DataFrame` and `polars.DataFrame` take. Not-a-number where a record lacks the
        value; columns that no record has are left out. ``step`` and ``probes`` are whole numbers, ``seconds`` are of training,
        accuracies are fractions, angles degrees.
    summary : dict or None
        What came out (``test``, ``status``, ``steps``, ``probes``, ``seconds``, ..), None as long as the run has not ended.
    checkpoints : list of int
        Training steps whose checkpoints are there.
    """

    path: Path
    config: dict[str, Any]
    metrics: dict[str, NDArray[Any]]
    summary: Optional[dict[str, Any]]
    checkpoints: list[int]

    def __init__(self, path: Union[str, os.PathLike[str]]) -> None:
        self.path = Path(path)
        read = _native.read_run(self.path)
        self.config, self.metrics, self.checkpoints = read["config"], read["metrics"], read["checkpoints"]
        self.summary = json.loads((self.path / "summary.json").read_text("utf-8")) if read["ended"] else None

    def network(self, step: Optional[int] = None) -> Network:
        """The network of a checkpoint.

        Parameters
        ----------
        step : int, optional
            The training step, one of `checkpoints`; the latest when left out. ``checkpoint.history`` in a configuration keeps more.

        Raises
        ------
        CheckpointError
            If there is no such checkpoint, or it is damaged.
        DataError
            If the run's data, which say what the network's inputs are, cannot be read.
        """
        if step is None:
            return Network(self.path, self.path)
        if step not in self.checkpoints:
            kept = ", ".join(map(str, self.checkpoints)) or "none"
            raise CheckpointError(f"{self.path}: has no checkpoint of step {step}; there are those of steps {kept}")
        return Network(self.path, self.path / "checkpoints" / f"step-{step:010d}")

    def examples(self, count: int = 100, split: str = "test") -> tuple[NDArray[np.float32], NDArray[Any]]:
        """The first examples of the run's data, as the network takes them.

        Parameters
        ----------
        count : int
            How many at most.
        split : {"test", "train"}
            Examples to evaluate on, or to learn from (not augmented).

        Returns
        -------
        x : ndarray of float32, shape (count, channels, height, width), of a task (steps, count, inputs)
            Standardized images, or inputs of trials.
        y : ndarray, shape (count,), of a task (steps, count) or (steps, count, outputs)
            Classes, or at each step the class or the values that are right.
        """
        if split not in ("test", "train"):
            raise ConfigError(f'split: unknown value `{split}`; known: "test", "train"')
        return _native.examples(self.path, count, split == "train")

    @cached_property
    def citations(self) -> list[Citation]:
        """The references of the methods that the run used, those of its credit rule first."""
        return [Citation(*parts) for parts in _native.citations(self.path)]

    def __repr__(self) -> str:
        status = self.summary["status"] if self.summary else "not ended"
        return f"Run({str(self.path)!r}, rule={self.config['credit']['rule']!r}, seed={self.config['seed']}, {status})"


def train(
    config: Config,
    out: Union[str, os.PathLike[str], None] = None,
    *,
    set: Optional[Mapping[str, Any]] = None,
    resume: bool = False,
    progress: Progress = False,
) -> Run:
    """Trains one network as a configuration says.

    Parameters
    ----------
    config : str, path or dict
        A file of TOML, its text (a str with a line break or ``=``), or a dict of the same shape. ``nmnc config schema`` has the
        settings.
    out : str or path, optional
        The run folder, ``runs/NAME-RULE-seedN`` when left out.
    set : dict, optional
        Settings to change, by dotted name: ``{"train.epochs": 5, "credit.rule": "vnc"}``.
    resume : bool
        Go on from the latest checkpoint in the folder, to the same numbers as without an interruption; start if there is no run
        yet. A run that is complete is left as it is.
    progress : bool or callable
        True shows a line on standard error, in terminals and notebooks; a callable is called with step, steps in all, loss of the
        last batch, and examples a second, some times a second.

    Returns
    -------
    Run
        The run that ended.

    Raises
    ------
    ConfigError, DataError, DeviceError, OutOfMemoryError
        Before anything is made.
    CheckpointError, BusyError, FileError
        If the folder holds another run, is being written, or cannot be.
    DivergedError
        If training leaves the finite numbers; the folder says so.
    KeyboardInterrupt
        On Ctrl-C, at the end of the step, after a checkpoint: ``resume=True`` goes on. The same holds for what `progress` raises.

    Notes
    -----
    Warnings of a run are Python's. Other threads of Python run on meanwhile.

    Examples
    --------
    >>> run = nmnc.train({"network": {"preset": "mlp"}, "credit": {"rule": "nmnc"}}, "runs/first")  # doctest: +SKIP
    >>> pandas.DataFrame(run.metrics).plot("step", "test_accuracy")  # doctest: +SKIP
    """
    given = _given(config, set)
    if out is None:
        rule, seed = _native.rule_and_seed(given)
        out = Path("runs") / f"{_name(given)}-{rule}-seed{seed}"
    with Line.of(progress, Path(out).name) as show:
        _native.train(given, Path(out), resume, False, show)
    return Run(out)


def compare(
    config: Config,
    rules: Sequence[str],
    seeds: int = 1,
    out: Union[str, os.PathLike[str], None] = None,
    *,
    set: Optional[Mapping[str, Any]] = None,
    progress: Progress = False,
) -> list[Run]:
    """Trains with several rules and seeds. Runs that are there already are kept, interrupted ones go on.

    Parameters
    ----------
    config, set, progress
        As of `train`. Settings of a rule stand in a table of its own, such as ``credit.nmnc``.
    rules : sequence of str
        Rules to compare (``nmnc config presets`` lists them).
    seeds : int
        Number of seeds of each rule, from the configuration's seed on.
    out : str or path, optional
        Folder for the runs, ``runs/NAME`` when left out.

    Returns
    -------
    list of Run
        Seeds of a rule together. A run that diverged is among them, with a warning; its ``summary["status"]`` says so.
    """
    given = _given(config, set)
    folder = Path(out) if out is not None else Path("runs") / _name(given)
    runs = _native.planned(given, list(rules), seeds)
    for name, text in runs:
        with Line.of(progress, name) as show:
            try:
                _native.train({"path": None, "text": text, "set": []}, folder / name, True, True, show)
            except DivergedError as error:
                warnings.warn(f"{name} diverged: {error}", stacklevel=2)
    return [Run(folder / name) for name, _ in runs]


def load_run(path: Union[str, os.PathLike[str]]) -> Run:
    """Reads a run folder, which may be of a run that has not ended.

    Raises
    ------
    CheckpointError
        If it is no run folder, or is damaged.
    """
    return Run(path)


def _given(config: Config, changes: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    """A configuration as the native module takes it."""
    settings = [f"{name}={_toml(value)}" for name, value in _flat(changes or {})]
    if isinstance(config, Mapping):
        text = "".join(f"{_key(name)} = {_toml(value)}\n" for name, value in config.items())
        return {"path": None, "text": text, "set": settings}
    if isinstance(config, str) and ("\n" in config or "=" in config):
        return {"path": None, "text": config, "set": settings}
    if isinstance(config, (str, os.PathLike)):
        return {"path": os.fspath(config), "text": None, "set": settings}
    raise ConfigError(f"config: is of type {type(config).__name__}; give a path, TOML or a dict")


def _name(given: Mapping[str, Any]) -> str:
    return Path(given["path"]).stem if given["path"] else "run"


def _flat(table: Mapping[str, Any], place: str = "") -> list[tuple[str, Any]]:
    """The values of nested tables by dotted name."""
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        found += _flat(value, f"{place}{name}.") if isinstance(value, Mapping) else [(f"{place}{name}", value)]
    return found


def _key(name: Any) -> str:
    return json.dumps(str(name), ensure_ascii=False)


def _toml(value: Any) -> str:
    """A value in TOML. What Python writes in JSON is TOML, but for tables and numbers that are not finite."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (np.generic, np.ndarray)):
        return _toml(value.tolist())
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    if not isinstance(value, (str, bool, int, float)):
        raise ConfigError(f"config: holds a {type(value).__name__}; give text, numbers, truth values, lists and dicts")
    return json.dumps(value, ensure_ascii=False)
