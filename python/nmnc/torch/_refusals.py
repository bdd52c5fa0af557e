"""Errors in one line: place, problem, how to mend."""

from __future__ import annotations

from nmnc.errors import ConfigError


def refuse(place: str, problem: str, mend: str) -> ConfigError:
    """The exception to raise where an argument or a model cannot be had."""
    return ConfigError(f"{place}: {problem}; {mend}")
