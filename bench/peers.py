"""The same work in transformers and peft, for the comparison in bench/run.py. Prints one JSON object.

    peers.py train --model DIR --data FILE --template T --words W W [--prompt FILE] [--steps N] ...
    peers.py generate --model DIR --data FILE --template T [--adapter DIR] [--new-tokens N] [--batch N] ...
    peers.py classify --model DIR --data FILE --template T --head FILE [--batch N]
    peers.py eval  --model DIR --data FILE --template T --words W W [--prompt FILE] [--batch N] ...

DIR is a model in Hugging Face layout, FILE JSON lines with "text" and "label" (0 or 1). The soft prompt that training
starts from, or evaluation uses, is the one tensor [virtual tokens, hidden] of the safetensors file `--prompt`, or the
embeddings of the tokens of `--init-text`, repeated or cut to the length. `--method prefix` and `head` train keys and
values in every layer (`head`: of a classifier, with its head), which may be initialised from the tensors of a card
(`--start`); `p-tuning` trains virtual tokens encoded by a bidirectional LSTM.

All modes are written for speed, as an experienced user of the libraries would: padded to the longest sequence of the batch,
only the last position projected (`logits_to_keep`), no cache in training, fused attention.
"""

import argparse
import itertools
import json
import os
import random
import resource
import sys
import time
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
from peft import (PeftModel, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, TaskType, get_peft_model)
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModel, AutoModelForCausalLM, AutoModelForSequenceClassification


def selected_tokens(arguments, tokenizer: Tokenizer):
    rows = [json.loads(line) for line in arguments.data.read_text().splitlines()]
    texts = [arguments.template.replace("{text}", row["text"]) for row in rows]
    return [encoding.ids for encoding in tokenizer.encode_batch(texts)], torch.tensor([row["label"] for row in rows])


def padded(rows, side: str):
    """[batch, longest] ids and mask. Left padding puts the last token of every sequence at the last position."""
    longest = max(map(len, rows))
    ids = torch.zeros(len(rows), longest, dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        where = slice(longest - len(row), longest) if side == "left" else slice(0, len(row))
        ids[i, where] = torch.tensor(row)
        mask[i, where] = 1
    return ids, mask


def last_scores(model, rows, side: str, virtual_tokens: int, keep: str):
    """Logits of the next token after each sequence: [batch, vocabulary].

    With soft prompts the two sides differ: left padding is inserted between prompt and text, so an example's score depends
    on the rest of the batch. Right padding is exact, but the last tokens are at as many positions as there are lengths, and
    each of those is projected for every sequence.
    """
    ids, mask = padded(rows, side)
    if keep == "pooled":
        return model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    if side == "left":
        kept = {"logits_to_keep": 1} if keep == "last" else {}
        return model(input_ids=ids, attention_mask=mask, use_cache=False, **kept).logits[:, -1]
    last = mask.sum(1) - 1 + virtual_tokens
    positions, which = last.unique(return_inverse=True)
    out = model(input_ids=ids, attention_mask=mask, use_cache=False, logits_to_keep=positions)
    return out.logits[torch.arange(len(rows)), which]


def load(arguments):
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, attn_implementation="sdpa")
    return model.eval()


def initial_prompt(model, arguments, tokenizer):
    if arguments.prompt:
        return next(iter(load_file(arguments.prompt).values()))
    if arguments.init_text:
        ids = itertools.islice(itertools.cycle(tokenizer.encode(arguments.init_text).ids), arguments.virtual_tokens)
        return model.get_input_embeddings().weight[list(ids)].detach().clone()
    return None


def with_prompt(model, arguments, tokenizer):
    initial = initial_prompt(model, arguments, tokenizer)
    count = arguments.virtual_tokens if initial is None else initial.shape[0]
    config = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=count)
    model = get_peft_model(model, config)
    if initial is not None:
        model.prompt_encoder["default"].embedding.weight.data.copy_(initial)
    return model, count


def with_prefix(arguments):
    """Keys and values in every layer: reparametrised by a network for `prefix`, trained directly for `head` or with `--start`."""
    count, start = arguments.virtual_tokens, load_file(arguments.start) if arguments.start else {}
    if arguments.method == "head":
        model = AutoModelForSequenceClassification.from_pretrained(arguments.model, dtype=torch.float32, num_labels=2)
        model.config.pad_token_id = 0  # as in padded()
        config = PrefixTuningConfig(task_type=TaskType.SEQ_CLS, num_virtual_tokens=count)
    else:
        model = load(arguments)
        config = PrefixTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=count, prefix_projection=not start,
                                    encoder_hidden_size=512)
    model = get_peft_model(model.eval(), config)
    if start:
        layers = torch.stack([start["tuner.self.key"], start["tuner.self.value"]], 1)  # [layers, 2, virtual tokens, heads, size]
        model.prompt_encoder["default"].embedding.weight.data.copy_(layers.permute(2, 0, 1, 3, 4).reshape(count, -1))
    if start and arguments.method == "head":
        model.base_model.score.modules_to_save["default"].weight.data.copy_(start["verbalizer.weight"])
    return model


def with_method(arguments, tokenizer):
    """The model, and the number of virtual tokens before the ids."""
    if arguments.method == "prompt":
        return with_prompt(load(arguments), arguments, tokenizer)
    if arguments.method == "p-tuning":
        model = load(arguments)
        config = PromptEncoderConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=arguments.virtual_tokens,
                                     encoder_reparameterization_type="LSTM", encoder_hidden_size=model.config.hidden_size // 2)
        return get_peft_model(model, config), arguments.virtual_tokens
    return with_prefix(arguments), 0


def train(arguments, tokenizer, words):
    rows, labels = selected_tokens(arguments, tokenizer)
    model, count = with_method(arguments, tokenizer)
    keep = "pooled" if arguments.method == "head" else arguments.keep
    words = words if keep != "pooled" else [0, 1]
    learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=arguments.lr, weight_decay=arguments.decay)
    order, draw = [], random.Random(arguments.seed)
    losses, seconds = [], []
    for _ in range(arguments.steps):
        if len(order) < arguments.batch:
            order = draw.sample(range(len(rows)), len(rows))
        chosen, order = order[: arguments.batch], order[arguments.batch :]
        begin = time.perf_counter()
        optimizer.zero_grad()
        scores = last_scores(model, [rows[i] for i in chosen], arguments.padding, count, keep)
        loss = torch.nn.functional.cross_entropy(scores[:, words], labels[chosen])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - begin)
    timed = seconds[arguments.warm_up :]
    return {
        "steps": len(timed), "seconds": sum(timed), "examples_per_second": arguments.batch * len(timed) / sum(timed),
        "losses": losses,
    }


@torch.inference_mode()
def evaluate(arguments, tokenizer, words):
    rows, labels = selected_tokens(arguments, tokenizer)
    model, count = load(arguments), 0
    if arguments.prompt:
        model, count = with_prompt(model, arguments, tokenizer)
    last_scores(model, [min(rows, key=len)], arguments.padding, count, arguments.keep)  # the first call sets things up
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i])) if arguments.sort else list(range(len(rows)))
    scores = torch.empty(len(rows), len(words))
    begin = time.perf_counter()
    for start in range(0, len(order), arguments.batch):
        chosen = order[start : start + arguments.batch]
        scores[chosen] = last_scores(model, [rows[i] for i in chosen], arguments.padding, count, arguments.keep)[:, words]
    seconds = time.perf_counter() - begin
    log_probs = scores.log_softmax(-1)
    return {
        "n": len(rows), "seconds": seconds, "examples_per_second": len(rows) / seconds,
        "accuracy": float((scores.argmax(-1) == labels).float().mean()),
        "loss": float(torch.nn.functional.nll_loss(log_probs, labels)),
        "probabilities": log_probs.exp().tolist(),
    }


@torch.inference_mode()
def classify(arguments, tokenizer, _):
    """An encoder's pooled state and a linear layer with the tensors verbalizer.weight and verbalizer.bias of `--head`."""
    rows, _ = selected_tokens(arguments, tokenizer)
    model = AutoModel.from_pretrained(arguments.model, dtype=torch.float32, attn_implementation="sdpa").eval()
    head = load_file(arguments.head)

    def scores(chosen):
        ids, mask = padded(chosen, "right")
        return torch.nn.functional.linear(model(input_ids=ids, attention_mask=mask).pooler_output,
                                          head["verbalizer.weight"], head["verbalizer.bias"])

    scores(rows[:2])  # the first call sets things up
    probabilities = []
    begin = time.perf_counter()
    for start in range(0, len(rows), arguments.batch):
        probabilities += scores(rows[start : start + arguments.batch]).softmax(-1).tolist()
    seconds = time.perf_counter() - begin
    return {"n": len(rows), "seconds": seconds, "examples_per_second": len(rows) / seconds, "probabilities": probabilities}


@torch.inference_mode()
def generate(arguments, tokenizer, _):
    """Batched and padded on the left, as generate() requires; greedy, always with the full number of new tokens."""
    rows, _ = selected_tokens(arguments, tokenizer)
    model = load(arguments)
    config = model.config
    if arguments.adapter:
        model = PeftModel.from_pretrained(model, arguments.adapter)
    settings = {"do_sample": False, "max_new_tokens": arguments.new_tokens, "min_new_tokens": arguments.new_tokens,
                "eos_token_id": config.eos_token_id, "pad_token_id": config.eos_token_id}
    ids, mask = padded(rows[:2], "left")
    model.generate(input_ids=ids, attention_mask=mask, **{**settings, "max_new_tokens": 2, "min_new_tokens": 2})
    texts = [[] for _ in rows]
    begin = time.perf_counter()
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i]))
    for start in range(0, len(order), arguments.batch):
        chosen = order[start : start + arguments.batch]
        ids, mask = padded([rows[i] for i in chosen], "left")
        written = model.generate(input_ids=ids, attention_mask=mask, **settings)[:, ids.shape[1]:].tolist()
        for i, row in zip(chosen, written):
            texts[i] = tokenizer.decode(row)
    seconds = time.perf_counter() - begin
    return {"n": len(rows), "seconds": seconds, "tokens_per_second": len(rows) * arguments.new_tokens / seconds,
            "texts": texts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["train", "eval", "classify", "generate"])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--template", required=True, help="contains {text}")
    parser.add_argument("--words", nargs="+", default=[], help="the label words, one token each, in label order")
    parser.add_argument("--prompt", type=Path)
    parser.add_argument("--init-text")
    parser.add_argument("--method", choices=["prompt", "prefix", "p-tuning", "head"], default="prompt", help="train: what is trained")
    parser.add_argument("--start", type=Path, help="train: a card's tensors, to initialise keys and values")
    parser.add_argument("--adapter", type=Path, help="generate: an adapter of peft")
    parser.add_argument("--head", type=Path, help="classify: a card's tensors")
    parser.add_argument("--virtual-tokens", type=int, default=20)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--warm-up", type=int, default=2, help="number of first steps that are not timed")
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--decay", type=float, default=0.01)
    parser.add_argument("--padding", choices=["left", "right"], default="left")
    parser.add_argument("--keep", choices=["last", "all"], default="last", help="which positions are projected")
    parser.add_argument("--sort", action="store_true", help="evaluate texts of similar length together")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--new-tokens", type=int, default=32, help="tokens to generate for each prompt")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    tokenizer = Tokenizer.from_file(str(arguments.model / "tokenizer.json"))
    tokenizer.no_padding()  # MiniLM's file pads to 128
    tokenizer.no_truncation()
    words = [tokenizer.encode(word).ids for word in arguments.words]
    if any(len(ids) != 1 for ids in words):
        sys.exit(f"peers.py: --words must be one token each, but {arguments.words} are {words}")
    modes = {"train": train, "eval": evaluate, "classify": classify, "generate": generate}
    result = modes[arguments.mode](arguments, tokenizer, [ids[0] for ids in words])
    result["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
