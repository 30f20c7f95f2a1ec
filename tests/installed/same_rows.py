"""For checks in Python: JSON lines, and comparison of rows of `predict`."""

import json


def lines(path: str) -> list:
    with open(path) as file:
        return [json.loads(line) for line in file]


def without_summary(path: str) -> list[dict]:
    """The rows of `predict` or `fill`, without the summary after them."""
    return [line for line in lines(path) if "summary" not in line]


def check_close(a: dict, b: dict, tolerance: float = 1e-4) -> None:
    assert a["label"] == b["label"] and a["scores"].keys() == b["scores"].keys(), (a, b)
    assert all(abs(a["scores"][k] - b["scores"][k]) < tolerance for k in a["scores"]), (a, b)


def check_all_close(found: list[dict], expected: list[dict], tolerance: float = 1e-4) -> None:
    assert found
    for a, b in zip(found, expected, strict=True):
        check_close(a, b, tolerance)


def check_measured(rows: list[dict], measured: dict) -> None:
    """Compares the results of `eval` with those of `predict` and the labels in gold.txt."""
    gold = open("gold.txt").read().split()
    right = sum(row["label"] == label for row, label in zip(rows, gold, strict=True))
    assert measured["n"] == len(gold) and measured["skipped"] == 0 and measured["correct"] == right, (right, measured)
    assert measured["accuracy"] == right / len(gold)
    low, high = measured["ci95"]
    assert 0 <= low < measured["accuracy"] <= high <= 1
    assert sum(map(sum, measured["confusion"])) == len(gold)
