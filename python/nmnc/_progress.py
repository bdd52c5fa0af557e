"""A line that says how far a run is."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Callable, Optional, Union

__all__ = ["Line"]

Show = Callable[[int, int, float, float], None]


class Line:
    """One line on standard error that is written over, as terminals and notebooks both understand."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._started = time.monotonic()
        self._first: Optional[int] = None
        self._width = 0

    @classmethod
    def of(cls, progress: Union[bool, Show], name: str) -> Shown:
        """What shows `progress` of the run `name`: nothing, a line, or a function of the caller's."""
        if callable(progress):
            return Shown(progress, None)
        line = cls(name) if progress else None
        return Shown(line, line)

    def __call__(self, step: int, total: int, loss: float, rate: float) -> None:
        self._first = step if self._first is None else self._first
        seconds, done = time.monotonic() - self._started, step - self._first
        left = seconds / done * (total - step) if done else float("nan")
        text = f"{self._name}: {100 * step // max(total, 1)} % of {total} steps, loss {loss:.4g}, {rate:.0f} examples/s"
        text += f", {_clock(left)} left" if left == left else ""
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)

    def close(self) -> None:
        """Ends the line."""
        if self._width:
            sys.stderr.write("\n")
            sys.stderr.flush()


class Shown:
    """What a run calls while it lasts."""

    def __init__(self, show: Optional[Show], line: Optional[Line]) -> None:
        self._show, self._line = show, line

    def __enter__(self) -> Optional[Show]:
        return self._show

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if self._line is not None:
            self._line.close()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
