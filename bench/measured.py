"""Runs a command and records its output, time and peak memory; formats comparisons."""

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
    lines: list  # the JSON values of standard output, one per line
    seconds: float
    megabytes: float  # peak resident memory

    @property
    def last(self) -> dict:
        return self.lines[-1]


def run(command: list, stdin: Path | None = None) -> Run:
    command = [str(part) for part in command]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(stdin or os.devnull, "rb") as source:
        begin = time.perf_counter()
        process = subprocess.Popen(command, stdin=source, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)  # Popen.wait() does not report the peak memory
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        printed, complaint = out.read().decode(), err.read().decode(errors="replace")
    if process.returncode != 0:
        sys.exit(f"bench: {shlex.join(command)}\nended with {process.returncode}: {complaint[-2000:]}")
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith(("{", "["))]
    return Run(lines, seconds, usage.ru_maxrss / 1024)


def spread(values: list[float], digits: int = 2) -> str:
    """Minimum, median and maximum."""
    return " / ".join(f"{v:.{digits}f}" for v in (min(values), statistics.median(values), max(values)))


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Per round, because other load on the machine changes from round to round."""
    return [a / b for a, b in zip(ours, theirs)]


def largest_difference(a, b) -> float:
    assert len(a) == len(b), (len(a), len(b))
    return max(abs(x - y) for x, y in zip(a, b))
