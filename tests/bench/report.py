"""How a benchmark speaks: one JSON line per figure on standard output, everything else on standard error."""

import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path


def figure(name: str, value: float, unit: str, **parameters: object) -> None:
    """Print one result."""
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, "parameters": parameters}), flush=True)


def say(text: str) -> None:
    """Tell what is going on."""
    print(text, file=sys.stderr, flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def slope(times: Sequence[float], values: Sequence[float]) -> float:
    """By least squares: how much the values grow per unit of time."""
    return statistics.linear_regression(times, values).slope


class Process:
    """What /proc tells of a process: CPU seconds of all its threads, and memory."""

    def __init__(self, pid: int) -> None:
        """Looked at afresh by every call."""
        self._root = Path(f"/proc/{pid}")

    def cpu(self) -> float:
        """Seconds of user and system time so far."""
        fields = (self._root / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def rss(self) -> int:
        """Resident bytes now."""
        return self._status("VmRSS")

    def peak(self) -> int:
        """Most resident bytes so far."""
        return self._status("VmHWM")

    def threads(self) -> int:
        """How many run now."""
        return len(list((self._root / "task").iterdir()))

    def descriptors(self) -> int:
        """How many are open now."""
        return len(list((self._root / "fd").iterdir()))

    def _status(self, name: str) -> int:
        for line in (self._root / "status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
        raise ValueError(f"/proc has no {name} here")
