"""cuecard_train: training in this process, alone or as one of several ranks."""

from __future__ import annotations

import ctypes
import json
import sys
from collections.abc import Callable, Sequence
from ctypes import byref, c_char_p, c_void_p, sizeof
from typing import Any

from cuecard._library import CLine, CProgress, CSum, CTrainOptions, check, encoded, library

OnStep = Callable[[int, int, float, float], bool | None]
"""Called with step, steps, loss, and the metric on the development set (NaN except after an evaluation); False stops training."""

Sum = Callable[[memoryview], None]
"""Replaces float32 values by their sums over all ranks, or raises."""


def run(
    words: Sequence[str],
    on_step: OnStep | None = None,
    on_message: Callable[[str], None] | None = None,
    rank: int = 0,
    ranks: int = 1,
    sum_over_ranks: Sum | None = None,
) -> list[dict[str, Any]]:
    """What `cuecard train --json` prints with these words. An exception of a callback stops training and is raised again."""
    raised: list[BaseException] = []
    results: list[dict[str, Any]] = []

    def kept(action: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return action()
        except BaseException as exception:  # it can't cross the library
            raised.append(exception)
            return otherwise

    def add_up(_: Any, values: Any, count: int, reason: int, size: int) -> bool:
        try:
            assert sum_over_ranks
            sum_over_ranks(memoryview((ctypes.c_float * count).from_address(ctypes.addressof(values.contents))).cast("B"))
            return True
        except Exception as exception:
            text = str(exception).encode()[: size - 1]
            ctypes.memmove(reason, text + b"\0", len(text) + 1)
            return False

    def step(_: Any, done: int, steps: int, loss: float, dev: float) -> bool:
        return not raised and kept(lambda: on_step is None or on_step(done, steps, loss, dev) is not False, False)

    def say(_: Any, line: bytes) -> None:
        text = line.decode(errors="replace")
        kept(lambda: on_message(text) if on_message else print(text, file=sys.stderr), None)

    options = CTrainOptions(
        sizeof(CTrainOptions), rank, ranks, CSum(add_up) if sum_over_ranks else CSum(), CProgress(step), CLine(say),
        CLine(lambda _, line: results.append(json.loads(line))), c_void_p(),
    )  # fmt: skip
    c_words = (c_char_p * len(words))(*(encoded(word, "a word of the command line") for word in words))
    check(library.cuecard_train(c_words, len(words), byref(options)))
    if raised:
        raise raised[0]
    return results
