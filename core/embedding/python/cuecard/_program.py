"""Runs of the program `cuecard`: training and comparing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

from cuecard._library import Error, ErrorKind, prefix

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
    task: str | os.PathLike, model: str | os.PathLike, out: str | os.PathLike, tuner: str = "prompt-tuning", **options: Any
) -> dict[str, Any]:
    """Trains a card, and returns the last line of `cuecard train --json`.

    `options` are the program's flags: `train(..., steps=200, lr=0.02, set={"length": 10})`.
    """
    return _run("train", {"task": task, "model": model, "out": out, "tuner": tuner, **options})[-1]


def compare(task: str | os.PathLike, model: str | os.PathLike, tuners: Sequence[str], **options: Any) -> list[dict[str, Any]]:
    """Trains and measures several tuners on a task: the lines of `cuecard compare --json`."""
    if isinstance(tuners, str):
        raise TypeError("tuners is a list of names; put a single one into a list.")
    return _run("compare", {"task": task, "model": model, "tuners": ",".join(tuners), **options})
