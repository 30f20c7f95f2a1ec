"""The tasks of `./run results`: a data set, a model, and the methods that are compared on it."""

import csv
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

THREE_SEEDS = ["--seeds", "3"]


@dataclass
class Part:
    title: str
    about: str
    model: str
    task: Callable[[Path, Path], dict]  # (folder of the data, folder to write to)
    lines: dict[str, tuple[str, list[str]]]  # by displayed method: tuner, flags
    flags: list[str] = field(default_factory=list)
    metric: str = "accuracy"
    also: dict[str, str] = field(default_factory=dict)  # other text metrics, by displayed name


def few_shot(task: dict, per_label: int) -> dict:
    return {**task, "few_shot": {"per_label": per_label, "seed": 1, "dev": {"per_label": per_label}}}


# Classification ---------------------------------------------------------------------------------------------------------

def sst2(data: Path, _: Path) -> dict:
    return {
        "name": "sst2",
        "data": {"train": str(data / "sst2/train.tsv"), "test": str(data / "sst2/dev.tsv"), "header": False,
                 "fields": {"text": 1}, "label": 2},
        "labels": [{"name": "negative", "values": [0], "words": ["negative"]},
                   {"name": "positive", "values": [1], "words": ["positive"]}],
        "template": 'Review: {text}\nSentiment:{"mask"}',
    }


def sst2_few(data: Path, to: Path) -> dict:
    return few_shot(sst2(data, to), 16)


def sst2_full(data: Path, to: Path) -> dict:
    return {**sst2(data, to), "split": {"dev": 0.05, "seed": 1}}


def with_head(task: Callable[[Path, Path], dict]) -> Callable[[Path, Path], dict]:
    """The same with a classification head on `[CLS]`: there is no masked-LM head in MiniLM."""
    def made(data: Path, to: Path) -> dict:
        whole = task(data, to)
        fields = "".join("{" + name + "} " for name in whole["data"]["fields"])
        return {**whole, "template": fields.strip(), "verbalizer": {"component": "head"}}
    return made


def agnews(data: Path, _: Path) -> dict:
    names = ["world", "sports", "business", "technology"]
    return {
        "name": "agnews",
        "data": {"train": str(data / "agnews/train.csv"), "test": str(data / "agnews/dev.csv"),
                 "fields": {"title": "title", "body": "description"}, "label": "label"},
        "labels": [{"name": name, "values": [i + 1], "words": [name]} for i, name in enumerate(names)],
        "template": '{title}. {body}\nTopic (world, sports, business or technology):{"mask"}',
    }


def agnews_few(data: Path, to: Path) -> dict:
    return few_shot(agnews(data, to), 16)


def agnews_full(data: Path, to: Path) -> dict:
    return {**agnews(data, to), "split": {"dev": 0.05, "seed": 1}, "max_length": 160}


# FewGLUE: 32 training examples, 32 development examples -----------------------------------------------------------------------------

FEWGLUE = {
    "BoolQ": (["passage", "question"], '{passage}\nQuestion: {question}?\nAnswer (yes or no):{"mask"}', {"yes": True, "no": False}),
    "CB": (["premise", "hypothesis"],
           '{premise}\nQuestion: {hypothesis}. True, false or neither?\nAnswer:{"mask"}',
           {"true": "entailment", "false": "contradiction", "neither": "neutral"}),
    "RTE": (["premise", "hypothesis"], '{premise}\nQuestion: {hypothesis} True or false?\nAnswer:{"mask"}',
            {"true": "entailment", "false": "not_entailment"}),
    "COPA": (["premise", "choice1", "choice2", "question"],
             'A: {choice1}\nB: {choice2}\nWhich is the {question} of this: {premise}\nAnswer:{"mask"}', {"A": 0, "B": 1}),
}


def some_of(rows: Path, to: Path) -> Path:
    """At most 400 rows of a file, sampled with a fixed seed."""
    lines = rows.read_text().splitlines(keepends=True)
    some = to / rows.name
    some.write_text("".join(random.Random(1).sample(lines, min(400, len(lines)))))
    return some


def fewglue(name: str) -> Callable[[Path, Path], dict]:
    fields, template, words = FEWGLUE[name]

    def made(data: Path, to: Path) -> dict:
        folder = data / "fewglue" / name
        return {
            "name": name.lower(),
            "data": {"train": str(folder / "train.jsonl"), "dev": str(folder / "dev32.jsonl"), "test": str(some_of(folder / "val.jsonl", to)),
                     "fields": {each: each for each in fields}, "label": "label"},
            "labels": [{"name": word, "values": [value], "words": [word]} for word, value in words.items()],
            "template": template,
        }
    return made


# Words ------------------------------------------------------------------------------------------------------------------

def conll2003(data: Path, _: Path) -> dict:
    return {
        "name": "conll2003",
        "data": {"train": str(data / "conll2003/train.txt"), "test": str(data / "conll2003/valid.txt"), "format": "conll",
                 "words": {"words": 1}, "label": 4},
        "split": {"dev": 0.05, "seed": 1},
        "labels": ["O", *(f"{place}-{kind}" for kind in ("PER", "LOC", "ORG", "MISC") for place in "BI")],
        "template": "{words}",
        "verbalizer": {"component": "words"},
        "metric": "entity-f1",
    }


# Texts ------------------------------------------------------------------------------------------------------------------

def e2e(data: Path, to: Path) -> dict:
    """60 test inputs with all their texts, 400 training inputs with one, and 40 development inputs."""
    texts = {}
    with open(data / "e2e/dev.csv", newline="") as file:
        for row in csv.DictReader(file):
            texts.setdefault(row["mr"], []).append(row["ref"])
    inputs = sorted(texts)
    random.Random(1).shuffle(inputs)
    for name, some in ("test", inputs[:60]), ("dev", inputs[60:100]), ("train", inputs[100:500]):
        with open(to / f"{name}.jsonl", "w") as file:
            file.writelines(json.dumps({"mr": mr, "text": texts[mr][0], "texts": texts[mr]}) + "\n" for mr in some)
    return {
        "name": "e2e",
        "data": {**{name: str(to / f"{name}.jsonl") for name in ("train", "dev", "test")}, "fields": {"facts": "mr"},
                 "answers": "text", "references": "texts"},
        "template": {"text": 'Facts: {facts}\nText:{"mask"}', "options": {"predict-eos": True}},
        "verbalizer": {"component": "text", "options": {"max-new-tokens": 60, "stop": "\n"}},
        "metric": "bleu",
    }


# Facts: three fifths of a relation's examples for training, of which a fifth for development ------------------------------------

RELATIONS = {
    "P17": "{sub_label} is located in the country of",
    "P30": "{sub_label} is located on the continent of",
    "P37": "The official language of {sub_label} is",
    "P103": "The native language of {sub_label} is",
    "P1412": "{sub_label} used to communicate in",
}


def lama(relation: str) -> Callable[[Path, Path], dict]:
    def made(data: Path, to: Path) -> dict:
        facts = (data / f"lama_trex/{relation}.jsonl").read_text().splitlines(keepends=True)
        random.Random(1).shuffle(facts)
        learned = len(facts) * 3 // 5
        (to / "train.jsonl").write_text("".join(facts[:learned]))
        (to / "test.jsonl").write_text("".join(facts[learned:]))
        return {
            "name": relation,
            "data": {"train": str(to / "train.jsonl"), "test": str(to / "test.jsonl"), "fields": {"sub_label": "sub_label"},
                     "label": "obj_label"},
            "split": {"dev": 0.2, "seed": 1},
            "labels": "data",
            "template": RELATIONS[relation] + '{"mask"}',
            "verbalizer": {"component": "fact"},
        }
    return made


# Methods ----------------------------------------------------------------------------------------------------------------

CAUSAL = {
    "manual": ("manual", []),
    "manual, calibrated": ("manual", ["--set", "verbalizer.calibrate=blank"]),
    "in-context": ("in-context", []),
    "prompt-tuning": ("prompt-tuning", []),
    "prefix-tuning": ("prefix-tuning", []),
    "p-tuning": ("p-tuning", []),
    "p-tuning-v2": ("p-tuning-v2", []),
}
HEADS = {
    "head alone": ("fine-tuning", ["--set", "what=head"]),
    "p-tuning-v2": ("p-tuning-v2", []),
    "fine-tuning, biases": ("fine-tuning", ["--set", "what=bias"]),
    "fine-tuning": ("fine-tuning", []),
}
PASSES = {
    **{name: (tuner, [*flags, "--epochs", "5"]) for name, (tuner, flags) in HEADS.items()},
    "p-tuning-v2, 20 passes": ("p-tuning-v2", ["--epochs", "20"]),
}
FACTS = {
    "manual": ("manual", []),
    "autoprompt": ("autoprompt", ["--set", 'template.text={sub_label}{"trigger": None, "duplicate": 5}{"mask"}',
                                  "--set", "iterations=50", "--set", "accumulation=1"]),
    "p-tuning": ("p-tuning", ["--set", 'template.text={"soft": None, "duplicate": 3} {sub_label} {"soft": None, "duplicate": 6}{"mask"}',
                              "--epochs", "20"]),
}
ABOUT_FACTS = ("Facts whose object is one token; evaluated on at most 280. AutoPrompt: five trigger tokens after the subject, 50 iterations of "
               "one batch. P-tuning: three virtual tokens before the subject and six after it, 20 epochs.")
WRITERS = {name: (name, []) for name in ("manual", "prompt-tuning", "prefix-tuning", "p-tuning")}
FEW = "16 training and 16 development examples per label; evaluated on the data set's development set."
PARTS = {
    "sst2-16-shot": Part("SST-2, 16-shot, SmolLM2", FEW, "SmolLM2", sst2_few, CAUSAL, THREE_SEEDS),
    "sst2": Part("SST-2, 6,920 examples, SmolLM2", "One epoch, an evaluation on the development set every 100 steps, one seed.",
                 "SmolLM2", sst2_full,
                 {name: line for name, line in CAUSAL.items() if line[0] not in ("manual", "in-context")},
                 ["--epochs", "1", "--evaluate-every", "100"]),
    "sst2-minilm-16-shot": Part("SST-2, 16-shot, MiniLM", FEW, "MiniLM", with_head(sst2_few), HEADS, THREE_SEEDS),
    "sst2-minilm": Part("SST-2, 6,920 examples, MiniLM", "Five epochs, one seed.", "MiniLM", with_head(sst2_full),
                        PASSES),
    "agnews-16-shot": Part("AG News, 16-shot, SmolLM2", FEW + " One seed.", "SmolLM2", agnews_few, CAUSAL),
    "agnews-minilm": Part("AG News, 3,800 examples, MiniLM", "Three epochs, texts truncated to 160 tokens, one seed.",
                          "MiniLM", with_head(agnews_full), HEADS, ["--epochs", "3"]),
    **{f"fewglue-{name.lower()}": Part(f"FewGLUE {name}, SmolLM2", "32 training examples, 32 development examples, 60 steps of 8, two "
                                       "demonstrations per label, one seed; evaluated on at most 400 examples of the validation set.", "SmolLM2",
                                       fewglue(name), {**CAUSAL, "in-context": ("in-context", ["--set", "k=2"])},
                                       ["--steps", "60", "--batch-size", "8"])
       for name in FEWGLUE},
    "conll2003": Part("CoNLL-2003 entities, MiniLM", "Three epochs; evaluated on the validation set.",
                      "MiniLM", conll2003, HEADS, ["--epochs", "3"], "entity F1"),
    "e2e": Part("E2E, SmolLM2", "400 training inputs with one text each, five epochs, an evaluation on 40 others every 25 steps; "
                "evaluated on 60 more.", "SmolLM2", e2e,
                WRITERS, ["--epochs", "5", "--evaluate-every", "25"], "BLEU", {"ROUGE-L": "rouge-l", "chrF": "chrf"}),
    **{f"lama-{relation.lower()}": Part(f"LAMA {relation}, SmolLM2", ABOUT_FACTS, "SmolLM2", lama(relation), FACTS, ["--allow-skipped"], metric="P@1")
       for relation in RELATIONS},
}
