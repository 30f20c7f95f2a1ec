"""Cards that the program trained, exported and loaded by PEFT, against the program's own predictions.

    python peft_exports.py PROGRAM      the built `cuecard`; nothing is recorded

Every card is trained for a few steps on one of the tiny models, exported, and loaded by PEFT with the model in transformers.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from tokenizers import Tokenizer

from peft_adapters import AUTO, NUMBERS, WORDS

MODELS = Path(__file__).resolve().parent / "models"
ANSWERS = ["bad", "good"]
HEAD = {"component": "head"}

# name: model, tuner, options, verbalizer of the task (none: the label words), requested adapter type
CARDS = {
    "rows": ("llama-tied", "prompt-tuning", ["length=3"], None, None),
    "tasks": ("llama-tied", "prompt-tuning", ["length=3"], None, "MULTITASK_PROMPT_TUNING"),
    "encoded": ("gpt2-tied", "p-tuning", ["length=3"], None, None),
    "prefix": ("llama-untied", "prefix-tuning", ["length=3", "mid-dim=8"], None, None),
    "deep": ("qwen3", "p-tuning-v2", ["length=3"], None, None),
    "encoder": ("t5-plain", "prompt-tuning", ["length=3"], None, None),
    "decoder": ("t5-plain", "prefix-tuning", ["length=3", "mid-dim=8", "encoder=false", "cross=false"], None, None),
    "decoder-even": ("bart", "prefix-tuning", ["length=3", "mid-dim=8", "encoder=false", "cross=false"], None, None),
    "bart": ("bart", "p-tuning", ["length=3"], None, None),
    "bert": ("bert-plain", "p-tuning-v2", ["length=3"], HEAD, None),
    "bert-first": ("bert-plain", "prompt-tuning", ["length=3", "verbalizer.row=first"], HEAD, None),
    "roberta": ("roberta-mlm", "p-tuning-v2", ["length=3", "verbalizer.dense=true", "verbalizer.pooler=no"], HEAD, None),
    "roberta-first": ("roberta-mlm", "p-tuning",
                      ["length=3", "verbalizer.dense=true", "verbalizer.pooler=no", "verbalizer.row=first"], HEAD, None),
    "electra": ("electra-generator", "p-tuning-v2", ["length=3", "verbalizer.dense=true", "verbalizer.activation=gelu"], HEAD, None),
    "distilbert-first": ("distilbert-mlm", "prompt-tuning",
                         ["length=3", "verbalizer.dense=true", "verbalizer.activation=relu", "verbalizer.row=first"], HEAD, None),
    "score": ("llama-tied", "prefix-tuning", ["length=3", "mid-dim=8", "verbalizer.bias=false"], HEAD, None),
    "lora": ("llama-tied", "lora", ["rank=3"], None, None),
    "lora-all": ("gpt2-tied", "lora", ["rank=3", "targets=all-linear", "rs-lora=true"], None, None),
    "lora-encoder-decoder": ("t5-plain", "lora", ["rank=3"], None, "LORA"),
    "lora-head": ("bert-plain", "lora", ["rank=3", "targets=all-linear"], HEAD, None),
    "ia3": ("llama-untied", "ia3", [], None, None),
    "ia3-head": ("bert-plain", "ia3", [], HEAD, None),
}


def texts_of(model: str) -> list[str]:
    return NUMBERS if model.startswith(("gpt2", "qwen")) else WORDS


def learn(run, model: str, tuner: str, options: list[str], verbalizer) -> list[list[float]]:
    """A card, an adapter of it, and the probabilities of two labels for each text."""
    texts = texts_of(model)
    words = ["w3", "w5"] if texts is NUMBERS else ["great", "terrible"]
    Path("rows.jsonl").write_text("".join(json.dumps({"text": text, "label": ANSWERS[i % 2]}) + "\n" for i, text in enumerate(texts)))
    task = {
        "name": "task", "data": {"train": "rows.jsonl", "fields": {"text": "text"}, "label": "label"},
        "labels": [{"name": name, "words": [word]} for name, word in zip(ANSWERS, words)],
        "template": {"text": "{text}", "options": {"encoder-decoder": "plain"}},
    }
    if verbalizer:
        task["verbalizer"] = verbalizer
    Path("task.json").write_text(json.dumps(task))
    sets = [word for option in options for word in ("--set", option)]
    run("train", "--task", "task.json", "--tuner", tuner, "--steps", "3", "--lr", "0.05", "--batch-size", "3", "--out", "card", *sets)
    said = run("predict", "--card", "card", *texts)
    return [[json.loads(line)["scores"][name] for name in ANSWERS] for line in said.splitlines()]


def by_peft(model: str, task_type: str, multitask: bool) -> list[list[float]]:
    labels = {"num_labels": len(ANSWERS)} if task_type == "SEQ_CLS" else {}
    base = AUTO[task_type].from_pretrained(MODELS / model, dtype=torch.float32, **labels)
    adapted = PeftModel.from_pretrained(base, "adapter").eval()
    tokenizer = Tokenizer.from_file(str(MODELS / model / "tokenizer.json"))
    texts = texts_of(model)
    words = [" w3", " w5"] if texts is NUMBERS else [" great", " terrible"]
    ids = [tokenizer.encode(word, add_special_tokens=False).ids[0] for word in words]
    found = []
    for text in texts:
        rows = torch.tensor([tokenizer.encode(text).ids])
        extra = {"task_ids": torch.tensor([0])} if multitask else {}
        if task_type == "SEQ_2_SEQ_LM":
            extra["decoder_input_ids"] = torch.tensor([[base.config.decoder_start_token_id]])
        logits = adapted(input_ids=rows, attention_mask=torch.ones_like(rows), **extra).logits[0]
        found.append((logits if task_type == "SEQ_CLS" else logits[-1, ids]).softmax(-1).tolist())
    return found


@torch.no_grad()
def check(program: Path) -> None:
    for name, (model, tuner, options, verbalizer, kind) in CARDS.items():
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)

            def run(*words: str) -> str:
                return subprocess.run([program, *words, "--model", MODELS / model, "--quiet"], check=True, text=True,
                                      stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout

            ours = learn(run, model, tuner, options, verbalizer)
            said = run("card", "export", "card", "adapter", "--json", *(["--type", kind] if kind else []))
            theirs = by_peft(model, json.loads(said)["task_type"], kind == "MULTITASK_PROMPT_TUNING")
            difference = (torch.tensor(ours) - torch.tensor(theirs)).abs().max().item()
            spread = (torch.tensor(ours)[:, 0].max() - torch.tensor(ours)[:, 0].min()).item()
            print(f"{name}: PEFT's probabilities differ by {difference:.1e}; those of different texts by {spread:.1e}")
            os.chdir(MODELS)
            if not difference < 1e-4:
                sys.exit(f"peft_exports.py: {name}: the program predicts {ours}, PEFT {theirs}")


if __name__ == "__main__":
    check(Path(sys.argv[1]).resolve())
