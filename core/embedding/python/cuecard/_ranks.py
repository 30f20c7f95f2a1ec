"""One rank of a training run that torchrun started: `torchrun --nproc-per-node 2 -m cuecard train ...`.

Training runs in this process. The sums over ranks are torch.distributed's, in a process beside it (_all_reduce.py): torch has a
LibTorch and an OpenMP runtime of its own, and two of them must not meet in one process.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cuecard import _progress, _training
from cuecard._library import Error, ErrorKind

TIMEOUT = 25
"""Time in seconds after which a rank that does not reach an exchange is given up (CUECARD_RANK_TIMEOUT)."""
START_TIMEOUT = 600
"""The same before the first step, while models are loaded; CUECARD_RANK_START_TIMEOUT."""

_exit_codes = {ErrorKind.WRONG_USE: 2, ErrorKind.WRONG_DATA: 3, ErrorKind.PLUGIN_FAILED: 4}


def started(words: Sequence[str]) -> bool:
    """Whether this process is one of several ranks that train."""
    return list(words[:1]) == ["train"] and int(os.environ.get("WORLD_SIZE", "1")) > 1


class Sums:
    """The process that adds up, and the socket to it."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        timeouts = [
            str(float(os.environ.get(name, usual)))
            for name, usual in (("CUECARD_RANK_START_TIMEOUT", START_TIMEOUT), ("CUECARD_RANK_TIMEOUT", TIMEOUT))
        ]
        script = Path(__file__).with_name("_all_reduce.py")
        # A session of its own: it ends with this process, not with the terminal's Ctrl-C, so that training can stop in order.
        subprocess.Popen(
            [sys.executable, "-B", str(script), str(theirs.fileno()), *timeouts], pass_fds=[theirs.fileno()], start_new_session=True
        )
        theirs.close()
        self._answer()

    def __call__(self, values: memoryview) -> None:
        try:
            self._socket.sendall(struct.pack("q", len(values)))
            self._socket.sendall(values)
        except OSError:
            pass  # the answer says why
        self._answer(values)

    def _answer(self, values: memoryview | None = None) -> None:
        [size] = struct.unpack("q", self._received(bytearray(8)))
        if size < 0:
            raise RuntimeError(self._received(bytearray(-size)).decode())
        if values is not None:
            self._received(values)

    def _received(self, place: Any) -> Any:
        view = memoryview(place)
        while view:
            count = self._socket.recv_into(view)
            if count == 0:
                raise RuntimeError("the process that adds up ended")
            view = view[count:]
        return place


def main(words: Sequence[str]) -> int:
    """Trains; returns the exit code."""
    rank, ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    stop: list[int] = []
    bars: list[_progress.Bar] = []

    def ask_to_stop(number: int, _: Any) -> None:
        if stop:
            os._exit(128 + number)
        stop.append(number)

    def on_step(step: int, steps: int, loss: float, dev: float) -> bool:
        if not bars:  # until here a signal ends the process at once
            signal.signal(signal.SIGINT, ask_to_stop)
            signal.signal(signal.SIGTERM, ask_to_stop)
            bars.append(_progress.bar(steps, "train", "step", False if rank or "--quiet" in words else None))
        bars[0].update(1)
        bars[0].set_postfix_str(f"loss {loss:.4f}")
        return not stop

    try:
        sums = Sums()
    except RuntimeError as reason:
        print(f"cuecard: rank {rank} of {ranks} can't begin: {reason}", file=sys.stderr)
        return 1
    try:
        say = None if rank == 0 else (lambda line: None)
        results = _training.run(list(words[1:]), on_step, say, rank, ranks, sums)
    except Error as error:
        print(f"cuecard: {error}", file=sys.stderr)
        return _exit_codes.get(error.kind, 1)
    finally:
        for bar in bars:
            bar.close()
    for result in results if rank == 0 else []:
        dev = f", {result['dev']['metric']} {result['dev']['value']:.4f} on the development set" if "dev" in result else ""
        line = f"{result['out']}: {result['steps']} steps on {ranks} ranks in {result['seconds']:.1f} s{dev}"
        print(json.dumps(result) if "--json" in words else line, flush=True)
    if any(result["cancelled"] for result in results):
        return 130
    return 3 if any(result["failure"] for result in results) else 0
