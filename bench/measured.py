"""Runs a command and says what it printed, how long it took and how much memory it held; puts numbers side by side."""

import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Run:
    lines: list  # the JSON values of standard output, one a line
    seconds: float
    megabytes: float  # most resident memory

    @property
    def last(self) -> dict:
        return self.lines[-1]


def run(command: list, stdin: Path | None = None) -> Run:
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(stdin or os.devnull, "rb") as source:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)  # Popen.wait() would not say how much memory it held
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        printed, complaint = out.read().decode(), err.read().decode(errors="replace")
    if process.returncode != 0:
        sys.exit(f"bench: {shlex.join(command)}\nended with {process.returncode}: {complaint[-2000:]}")
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith(("{", "["))]
    return Run(lines, seconds, usage.ru_maxrss / 1024)


def spread(values: list[float], digits: int = 2) -> str:
    """Least, middle and largest."""
    return " / ".join(f"{v:.{digits}f}" for v in (min(values), statistics.median(values), max(values)))


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Round by round, because what else the machine does changes from one round to the next."""
    return [a / b for a, b in zip(ours, theirs)]


def largest_difference(a, b) -> float:
    assert len(a) == len(b), (len(a), len(b))
    return max(abs(x - y) for x, y in zip(a, b))
