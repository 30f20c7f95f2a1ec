"""Part `shared-prefix` of `./run results`: one prefix shared by four data sets of a kind, against one for each of them.

The data sets are rated sentences of four kinds of texts, which `./run setup` unpacks; each has its own head. Every task has
the same number of batches in each setting: the prefix is trained on it alone; or with the other tasks, a batch of each in each
step; or with the others for half of the steps, and then on the task alone.
"""

import json
import random
import statistics
from collections.abc import Callable
from pathlib import Path

import texts

KINDS = {"movies": "movieReviewSnippets", "products": "amazonReviewSnippets", "editorials": "nytEditorialSnippets", "tweets": "tweets"}
PER_LABEL, HELD_OUT, STEPS = 64, 400, 100
TITLE = "One prefix for four tasks, MiniLM"
ABOUT = (f"Sentiment of movie reviews, product reviews, editorials and tweets, each with a head of its own: {PER_LABEL} training and "
         f"{PER_LABEL} development examples per label, evaluated on {HELD_OUT} others. P-tuning v2; each task gets {STEPS} batches in each variant.")


def write_task(name: str, folder: Path, seed: int) -> Path:
    rows = texts.rated(KINDS[name])
    random.Random(seed).shuffle(rows)
    path = folder / f"{name}.task.json"
    path.write_text(json.dumps({
        "name": name,
        "data": {"test": str(texts.write(rows[:HELD_OUT], folder / f"{name}.test.jsonl")),
                 "train": str(texts.write(rows[HELD_OUT:], folder / f"{name}.train.jsonl")), "fields": {"text": "text"}, "label": "label"},
        "labels": [{"name": "negative", "values": [0]}, {"name": "positive", "values": [1]}],
        "few_shot": {"per_label": PER_LABEL, "seed": seed, "dev": {"per_label": PER_LABEL}},
        "template": "{text}",
        "verbalizer": {"component": "head"},
    }, indent=1) + "\n")
    return path


def measure(call: Callable[[list], dict], folder: Path, seed: int) -> dict[str, list[float]]:
    """The accuracies of the tasks in each setting. `call` runs a command on the model and returns its last line of output."""
    tasks = {name: write_task(name, folder, seed) for name in KINDS}

    def train(names: list[str], steps: int, out: Path, start: list) -> None:
        flags = [flag for name in names for flag in ("--task", tasks[name])]
        call(["train", *flags, "--tuner", "p-tuning-v2", "--steps", steps, "--seed", seed, "--out", out, *start])

    train(list(KINDS), STEPS, folder / "all", [])
    train(list(KINDS), STEPS // 2, folder / "half", [])
    cards = {"one for each": {}, "one for all": {name: folder / "all" / f"{name}.card" for name in KINDS}, "one for all, then continued": {}}
    for name in KINDS:
        cards["one for each"][name] = folder / f"{name}.card"
        train([name], STEPS, folder / f"{name}.card", [])
        cards["one for all, then continued"][name] = folder / f"{name}.continued.card"
        train([name], STEPS - STEPS // 2, folder / f"{name}.continued.card", ["--from", folder / "half" / f"{name}.card"])
    return {way: [call(["eval", "--card", card, "--task", tasks[name]])["accuracy"] for name, card in of_way.items()]
            for way, of_way in cards.items()}


def table(seeds: list[dict[str, list[float]]]) -> str:
    """The mean over seeds for each setting and task, and each seed's mean over all tasks."""
    lines = ["| prefix | " + " | ".join(KINDS) + " | mean | over seeds |", "|---" * (len(KINDS) + 3) + "|"]
    for way in seeds[0]:
        of_tasks = [100 * statistics.mean(values) for values in zip(*(seed[way] for seed in seeds))]
        of_seeds = [100 * statistics.mean(seed[way]) for seed in seeds]
        lines.append(f"| {way} | " + " | ".join(f"{value:.1f}%" for value in of_tasks) + f" | {statistics.mean(of_seeds):.1f}% | "
                     + ", ".join(f"{value:.1f}" for value in of_seeds) + f" ± {statistics.stdev(of_seeds):.1f} |")
    return "\n".join(lines)
