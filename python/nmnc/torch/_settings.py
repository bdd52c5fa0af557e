"""Settings of a rule, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Union

from ._refusals import refuse

METHODS = ("nmnc", "vnc", "mirror", "dfa", "node-perturbation", "backprop")
# Those whose feedback an estimator learns at each stage.
CORRELATED = ("nmnc", "vnc")
ESTIMATOR = ("estimator", "eta", "forgetting", "ridge", "noise", "antithetic", "manifold_forgetting")


@dataclass(frozen=True)
class Settings:
    """What `NoiseCorrelation` was given, beside the model and its stages.

    Raises
    ------
    ConfigError
        What has no meaning.
    """

    method: str
    dim: Union[int, float, None]
    interval: int
    seed: int
    sigma: float
    probes: int
    refresh: Optional[int]
    initial: int
    estimator: dict[str, Any]

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise refuse("method", f"unknown value `{self.method}`", f"known: {', '.join(METHODS)}")
        for name in self.estimator:
            if name not in ESTIMATOR:
                raise refuse(name, "unknown setting", f"settings of the estimator are {', '.join(ESTIMATOR)}")
            if self.method not in CORRELATED:
                raise refuse(name, f'has no meaning with method = "{self.method}"', "remove it")
        refresh = self.interval if self.refresh is None else self.refresh
        for name, value, least in (
            ("interval", self.interval, 1),
            ("probes", self.probes, 1),
            ("initial", self.initial, 0),
            ("refresh", refresh, 1),
        ):
            if value < least:
                raise refuse(name, f"{value} is too small", f"give at least {least}")
        if refresh % self.interval:
            problem = f"{refresh} is no multiple of the interval {self.interval}"
            raise refuse("refresh", problem, "the manifold moves where noise is asked for")
        if not 0 < self.sigma < float("inf"):
            raise refuse("sigma", f"{self.sigma} is no size of noise", "give a number above 0, such as 0.1")
        if self.method == "nmnc" and self.dim is None:
            raise refuse("dim", "the manifold has no dimension", 'give one, or set method = "vnc"')

    def probing(self, step: int) -> bool:
        """Whether step `step` (from 0) asks for probes."""
        # A node perturbation remembers nothing.
        return self.method == "node-perturbation" or step % self.interval == 0

    def refreshing(self, step: int) -> bool:
        """Whether step `step` moves the manifold."""
        return step % (self.refresh or self.interval) == 0

    @property
    def antithetic(self) -> bool:
        """Whether noise is added in both directions."""
        return bool(self.estimator.get("antithetic", False))

    def of_estimator(self, index: int, units: int) -> dict[str, Any]:
        """Arguments of the `JacobianEstimator` of stage `index`, of `units` units."""
        arguments: dict[str, Any] = {"dim": None, "seed": self.seed, "index": index, "sigma": self.sigma}
        if self.method == "nmnc":
            arguments["dim"] = min(self.dim, units) if isinstance(self.dim, int) else self.dim
        if self.method in CORRELATED:
            arguments.update({"estimator": "average", **self.estimator})
            if arguments["estimator"] == "average":
                arguments.setdefault("eta", 0.2)
        return arguments
