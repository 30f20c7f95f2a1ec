"""Data files that fit a task file: a few examples with all columns that it names, and with its labels."""

import csv
import json
from pathlib import Path

EXAMPLES = 24
TEXTS = ["a film that is great and long", "the plot of this film is bad", "it was the best of the year", "nobody will love such a scene"]
ANSWERS = ["great", "bad", "best", "love"]  # within TEXTS
FACTS = ["the", "it"]  # one token of every vocabulary here


def label(task: dict, number: int) -> str:
    labels = task.get("labels")
    if not isinstance(labels, list):
        return FACTS[number % 2]
    chosen = labels[number % len(labels)]
    if isinstance(chosen, str):
        return chosen
    return chosen.get("values", [chosen["name"]])[0]


def columns(task: dict, number: int) -> dict:
    """One example: what each column holds."""
    data, text = task["data"], f"{TEXTS[number % 4]} {number}"
    row = {column: text for column in data.get("fields", {}).values()}
    for name, column in data.get("choices", {}).items():
        row |= {each: f"{text} {i}" for i, each in enumerate(column if isinstance(column, list) else [column])}
    for key in ("answers", "references", "id"):
        if key in data:
            row[data[key]] = ANSWERS[number % 4]
    row |= {column: "cause" for column in data.get("meta", {}).values()}
    if "label" in data:
        row[data["label"]] = label(task, number)
    if spans := data.get("spans"):
        answer = ANSWERS[number % 4]
        row |= {spans["texts"]: [answer], spans["starts"]: [text.index(answer)]}
    return row


def nested(row: dict) -> dict:
    """The JSON object whose keys, joined by dots, are the row's."""
    result = {}
    for path, value in row.items():
        *parents, last = path.split(".")
        at = result
        for parent in parents:
            at = at.setdefault(parent, {})
        at[last] = value
    return result


def write_conll(task: dict, file) -> None:
    width = max(task["data"]["label"], *task["data"]["words"].values())
    for number in range(EXAMPLES):
        for i, word in enumerate(TEXTS[number % 4].split()):
            cells = ["-"] * width
            cells[task["data"]["label"] - 1] = task["labels"][(number + i) % len(task["labels"])].replace("I-", "B-")
            for column in task["data"]["words"].values():
                cells[column - 1] = word
            file.write(" ".join(cells) + "\n")
        file.write("\n")


def write_file(task: dict, path: Path) -> None:
    with open(path, "w", newline="") as file:
        kind = task["data"].get("format", path.suffix[1:])
        if kind == "conll":
            return write_conll(task, file)
        rows = [columns(task, number) for number in range(EXAMPLES)]
        if kind == "jsonl":
            return file.writelines(json.dumps(nested(row)) + "\n" for row in rows)
        writer = csv.writer(file, delimiter="\t" if kind == "tsv" else ",", lineterminator="\n")
        names = sorted(rows[0]) if task["data"].get("header", True) else range(1, max(rows[0]) + 1)
        if task["data"].get("header", True):
            writer.writerow(names)
        writer.writerows([row.get(name, "-") for name in names] for row in rows)


def write(task: dict, folder: Path) -> None:
    for part in ("train", "dev", "test"):
        if part in task["data"]:
            write_file(task, folder / task["data"][part])
