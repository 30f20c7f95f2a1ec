"""Training, and runs of the program `cuecard`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cuecard._library import Error, ErrorKind, prefix
from cuecard._progress import Bar, bar
from cuecard._training import OnStep, run

_kinds = {2: ErrorKind.WRONG_USE, 3: ErrorKind.WRONG_DATA, 4: ErrorKind.PLUGIN_FAILED}


def program() -> str:
    """The path of the program."""
    return str(prefix() / "bin" / "cuecard")


def main() -> None:
    """Becomes the program, with this process's arguments."""
    os.execv(program(), [program(), *sys.argv[1:]])


def _flags(options: Mapping[str, Any]) -> list[str]:
    """`batch_size=8` is `--batch-size 8`, `json=True` is `--json`, a list repeats the flag, a mapping gives KEY=VALUE."""
    flags: list[str] = []
    for name, value in options.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            flags.append(flag)
        elif isinstance(value, Mapping):
            for key, each in value.items():
                flags += [flag, f"{key}={each}"]
        elif isinstance(value, (list, tuple)):
            for each in value:
                flags += [flag, str(each)]
        elif value is not None and value is not False:
            flags += [flag, os.fspath(value) if isinstance(value, os.PathLike) else str(value)]
    return flags


def _run(verb: str, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The JSON lines that the verb printed. Its progress is shown on standard error."""
    command = [program(), verb, "--json", *_flags(options)]
    with tempfile.TemporaryFile("w+") as printed:
        said: list[str] = []
        with subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr
            for line in process.stderr:
                said.append(line)
                if not line.startswith("cuecard: ") or "warning" in line:
                    sys.stderr.write(line)
        if process.returncode != 0:
            sentence = next((line for line in reversed(said) if line.startswith("cuecard: ")), f"cuecard: {verb} failed.")
            raise Error(sentence.removeprefix("cuecard: ").strip(), _kinds.get(process.returncode, ErrorKind.FAILED))
        printed.seek(0)
        return [json.loads(line) for line in printed if line.strip()]


def train(
    task: str | os.PathLike,
    model: str | os.PathLike,
    out: str | os.PathLike | None = None,
    tuner: str = "prompt-tuning",
    *,
    on_step: OnStep | None = None,
    progress: bool | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Trains a card in this process, and returns what `cuecard train --json` prints.

    `out`: where the card goes; default: a folder named after the task file, with the suffix `.card`, in the working directory.
    `options` are the program's flags: `train("task.json", "smollm2", steps=200, lr=0.02, set={"length": 10})`. `on_step(step, steps,
    loss, dev)` is called after each step; `dev` is NaN except after an evaluation on the development set, and False stops training with
    the best card so far, as Ctrl-C does. `progress`: a bar by tqdm, if that is installed; default: on a terminal. Warnings go to
    standard error. Errors are `cuecard.Error`.
    """
    place = Path(task).with_suffix(".card").name if out is None else out
    quiet = bool(options.pop("quiet", False))
    bars: list[Bar] = []

    def step(done: int, steps: int, loss: float, dev: float) -> bool | None:
        if not bars:
            bars.append(bar(steps, "train", "step", False if quiet else progress))
            bars[0].update(done - 1)  # of the run that this one resumes
        bars[0].update(1)
        bars[0].set_postfix_str(f"loss {loss:.4f}")
        return on_step(done, steps, loss, dev) if on_step else None

    try:
        return run(_flags({"task": task, "model": model, "out": place, "tuner": tuner, **options}), step)[-1]
    finally:
        for each in bars:
            each.close()


def compare(task: str | os.PathLike, model: str | os.PathLike, tuners: Sequence[str], **options: Any) -> list[dict[str, Any]]:
    """Trains and measures several tuners on a task: the lines of `cuecard compare --json`.

    `options` are the program's flags, as for `train`. The program runs in a process of its own and shows its progress on standard error.
    """
    if isinstance(tuners, str):
        raise TypeError("tuners is a list of names; put a single one into a list.")
    return _run("compare", {"task": task, "model": model, "tuners": ",".join(tuners), **options})
