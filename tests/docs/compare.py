"""Says how what a page shows differs from what the program prints.

Words are equal. Seconds and speeds may be anything. Other numbers depend on the processor's rounding: those with a decimal point, in
text as in JSON, are equal within the tolerance. A training multiplies rounding, so a trained card's probabilities get a larger one.
"""

import json
import math
import re

TIMES = {"seconds", "trained in", "examples/s", "tokens/s", "examples_per_second", "tokens_per_second"}
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:e-?\d+)?")


def cells(line: str) -> list[str]:
    return re.split(r"  +", line.strip())


def without_times(text: str) -> list[list[str]]:
    """The lines' cells; below a rule, without the columns of times that the line above it names."""
    lines, dropped, result = text.splitlines(), set(), []
    for line, below in zip(lines, lines[1:] + [""]):
        if re.fullmatch("-{8,}", below):
            dropped = {i for i, title in enumerate(cells(line)) if title in TIMES}
        if not re.fullmatch("-{8,}", line):
            result.append([cell for i, cell in enumerate(cells(line)) if i not in dropped])
        elif not dropped:
            result.append([line])
    return result


def same_number(shown: str, printed: str, tolerance: float) -> bool:
    if shown == printed:
        return True
    rounding = ("." in shown or "." in printed) and 10.0 ** -min(len(number.partition(".")[2]) for number in (shown, printed))
    return bool(rounding) and abs(float(shown.replace(",", "")) - float(printed.replace(",", ""))) <= max(tolerance, rounding)


def same_text(shown: str, printed: str, tolerance: float) -> bool:
    if NUMBER.sub("#", shown) != NUMBER.sub("#", printed):
        return False
    return all(same_number(*pair, tolerance) for pair in zip(NUMBER.findall(shown), NUMBER.findall(printed)))


def same_json(shown, printed, tolerance: float) -> bool:
    if isinstance(shown, dict) and isinstance(printed, dict):
        return list(shown) == list(printed) and all(key in TIMES or same_json(shown[key], printed[key], tolerance) for key in shown)
    if isinstance(shown, list) and isinstance(printed, list):
        return len(shown) == len(printed) and all(same_json(*pair, tolerance) for pair in zip(shown, printed))
    if isinstance(shown, float) and isinstance(printed, float):
        return math.isclose(shown, printed, abs_tol=tolerance)
    return shown == printed


def same_line(shown: str, printed: str, tolerance: float) -> bool:
    if shown.startswith("{") and printed.startswith("{"):
        return same_json(json.loads(shown), json.loads(printed), tolerance)
    return same_text(shown, printed, tolerance)


def form(value):
    """JSON with a type for each value, lists by their lengths."""
    if isinstance(value, dict):
        return {key: form(item) for key, item in value.items()}
    return [form(item) for item in value] if isinstance(value, list) else type(value).__name__


def form_of(text: str) -> list:
    """What is the same whatever was measured: keys of JSON; of other text the words without numbers, labels and names of prompts."""
    if text.startswith("{"):
        return [list(form(json.loads(line)).items()) for line in text.splitlines()]
    text = re.sub(r"manual-[a-z-]+|positive|negative", "@", NUMBER.sub("#", text))
    return re.sub(r"-{8,}", "---", text).split()


def same(shown: str, printed: str, tolerance: float) -> bool:
    left, right = without_times(shown), without_times(printed)
    return len(left) == len(right) and all(
        len(a) == len(b) and all(same_line(*pair, tolerance) for pair in zip(a, b)) for a, b in zip(left, right)
    )
