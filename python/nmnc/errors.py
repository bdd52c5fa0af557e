"""Exceptions of this package. The message is one line: place, problem, and how to mend it."""

from __future__ import annotations

__all__ = [
    "BusyError",
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DeviceError",
    "DivergedError",
    "FileError",
    "NetworkError",
    "NmncError",
    "OutOfMemoryError",
]


class NmncError(Exception):
    """What every exception of this package is."""


class ConfigError(NmncError, ValueError):
    """A configuration or argument is malformed, unknown or contradictory."""


class DataError(NmncError, ValueError):
    """A data set or archive is missing, truncated, corrupt, mislabelled or hostile."""


class CheckpointError(NmncError, ValueError):
    """A run folder, checkpoint or kept state is missing, damaged or of something else."""


class DivergedError(NmncError, ArithmeticError):
    """Training, or activity that was given, left the finite numbers."""


class DeviceError(NmncError, RuntimeError):
    """The device does not exist or was not compiled in."""


class FileError(NmncError, OSError):
    """The operating system refused to read or write a file."""


class BusyError(NmncError, RuntimeError):
    """Another process is writing the folder."""


class NetworkError(NmncError, ConnectionError):
    """A download failed."""


class OutOfMemoryError(NmncError, MemoryError):
    """There is less memory than what is asked for needs."""
