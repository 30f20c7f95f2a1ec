"""Adapters as PEFT saves them for the tiny models, and the results of transformers and PEFT with them.

Every adapter is saved and loaded by PEFT, and its results are recorded: class probabilities of heads, labels of words, or the
greedily generated text and its log-probability. Texts are generated with a full forward pass for each token, and must equal
those of `generate` where it works with PEFT.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from peft import (
    MultitaskPromptTuningConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

WRITTEN, ROWS = 6, 3
AUTO = {
    "CAUSAL_LM": transformers.AutoModelForCausalLM,
    "SEQ_2_SEQ_LM": transformers.AutoModelForSeq2SeqLM,
    "SEQ_CLS": transformers.AutoModelForSequenceClassification,
    "TOKEN_CLS": transformers.AutoModelForTokenClassification,
}
CONFIG = {
    "PROMPT_TUNING": PromptTuningConfig,
    "P_TUNING": PromptEncoderConfig,
    "PREFIX_TUNING": PrefixTuningConfig,
    "MULTITASK_PROMPT_TUNING": MultitaskPromptTuningConfig,
}
WORDS = ["the film is great", "a plot and the camera", "is all terrible"]
NUMBERS = ["w7 w9 w11 w5", "w30 w12", "w21 w22 w8 w9 w10 w3"]
# PEFT takes an encoder-decoder's sizes from its encoder; where the decoder's differ, they must be given.
T5_PLAIN = {"token_dim": 18, "num_attention_heads": 3, "num_layers": 1}
T5_GATED = {"token_dim": 20, "num_attention_heads": 2, "num_layers": 2}
BART = {"token_dim": 24, "num_attention_heads": 4, "num_layers": 2}

CASES = {
    "llama-prompt": ("llama-tied", "PROMPT_TUNING", "CAUSAL_LM", {}),
    "llama-p-tuning": ("llama-untied", "P_TUNING", "CAUSAL_LM", {"encoder_hidden_size": 8}),
    "llama-prefix": ("llama-tied", "PREFIX_TUNING", "CAUSAL_LM", {}),
    "llama-projected": ("llama-untied", "PREFIX_TUNING", "CAUSAL_LM", {"prefix_projection": True, "encoder_hidden_size": 8}),
    "llama-multitask": ("llama-tied", "MULTITASK_PROMPT_TUNING", "CAUSAL_LM", {"num_tasks": 2, "num_ranks": 2}),
    "llama3-prefix": ("llama3", "PREFIX_TUNING", "CAUSAL_LM", {}),
    "mistral-prefix": ("mistral", "PREFIX_TUNING", "CAUSAL_LM", {}),
    "qwen2-prefix": ("qwen2", "PREFIX_TUNING", "CAUSAL_LM", {}),
    "qwen3-prefix": ("qwen3", "PREFIX_TUNING", "CAUSAL_LM", {}),
    "gpt2-prompt": ("gpt2-tied", "PROMPT_TUNING", "CAUSAL_LM", {}),
    "gpt2-prefix": ("gpt2-tied", "PREFIX_TUNING", "CAUSAL_LM", {}),
    "t5-prompt": ("t5-plain", "PROMPT_TUNING", "SEQ_2_SEQ_LM", {}),
    "t5-prefix": ("t5-plain", "PREFIX_TUNING", "SEQ_2_SEQ_LM", T5_PLAIN),
    "t5-two-layers": ("t5-gated", "PREFIX_TUNING", "SEQ_2_SEQ_LM", T5_GATED),
    "bart-prompt": ("bart", "P_TUNING", "SEQ_2_SEQ_LM", {"encoder_hidden_size": 8}),
    "bart-prefix": ("bart", "PREFIX_TUNING", "SEQ_2_SEQ_LM", BART),
    "bert-prompt-head": ("bert-plain", "PROMPT_TUNING", "SEQ_CLS", {}),
    "bert-prefix-head": ("bert-plain", "PREFIX_TUNING", "SEQ_CLS", {}),
    "roberta-prompt-head": ("roberta-mlm", "PROMPT_TUNING", "SEQ_CLS", {}),
    "roberta-prefix-head": ("roberta-mlm", "PREFIX_TUNING", "SEQ_CLS", {}),
    "llama-prompt-head": ("llama-tied", "PROMPT_TUNING", "SEQ_CLS", {}),
    "gpt2-prefix-head": ("gpt2-tied", "PREFIX_TUNING", "SEQ_CLS", {}),
    "bert-words": ("bert-plain", "PREFIX_TUNING", "TOKEN_CLS", {}),
    "llama-words": ("llama-tied", "PREFIX_TUNING", "TOKEN_CLS", {}),
    "t5-sides": ("t5-plain", "PREFIX_TUNING", "SEQ_2_SEQ_LM", {"token_dim": 18, "num_attention_heads": 3}),
    "bart-sides": ("bart", "PREFIX_TUNING", "SEQ_2_SEQ_LM", {**BART, "num_layers": 4}),  # as of an encoder with four layers
}
OLD = "gpt2-prefix"  # without the fields that peft 0.3 did not write
NAMED = "gpt2-prompt"  # a named adapter is saved in a subfolder
RESIZED = "gpt2-prompt"  # its vocabulary was resized, so that the embeddings are saved, too
HALF = {"llama-prompt": torch.float16, "llama-prefix": torch.bfloat16}
LABELS = 3


def texts_of(model: str) -> list[str]:
    numbered = model.split("-")[0] in ("gpt2", "llama3", "mistral", "qwen2", "qwen3")
    texts = NUMBERS if numbered else WORDS
    return texts[:2] if model == "mistral" else texts  # virtual tokens and generated tokens must fit its window


def base_of(models: Path, case: str, tokens: int = 0):
    model, _, task, _ = CASES[case]
    labels = {"num_labels": LABELS} if task.endswith("CLS") else {}
    base = AUTO[task].from_pretrained(models / model, dtype=torch.float32, **labels)
    if tokens:
        base.resize_token_embeddings(base.config.vocab_size + tokens, mean_resizing=False)
    return base


def write(models: Path, folder: Path, case: str) -> None:
    model, kind, task, options = CASES[case]
    name = "reviews" if case == NAMED else "default"
    config = CONFIG[kind](task_type=task, num_virtual_tokens=ROWS, **options)
    adapted = get_peft_model(base_of(models, case, 3 if case == RESIZED else 0), config, adapter_name=name)
    for parameter_name, parameter in adapted.named_parameters():
        if "modules_to_save" in parameter_name:
            parameter.data = 0.5 * torch.randn_like(parameter)
        if "prefix_task" in parameter_name:
            parameter.data = torch.randn_like(parameter)
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    place = folder / name if case == NAMED else folder
    fields = json.loads((place / "adapter_config.json").read_text())
    fields["base_model_name_or_path"] = model
    if case == OLD:
        for field in ("peft_version", "auto_mapping", "revision", "init_weights", "modules_to_save"):
            fields.pop(field, None)
    (place / "adapter_config.json").write_text(json.dumps(fields, indent=2, sort_keys=True))
    if case in HALF:
        tensors = load_file(place / "adapter_model.safetensors")
        save_file({key: value.to(HALF[case]) for key, value in tensors.items()}, place / "adapter_model.safetensors",
                  metadata={"format": "pt"})


def next_scores(adapted, ids, written, task: str, tokens: int, extra: dict):
    """Log-probabilities of the next token, among the tokens that the model had before its vocabulary was resized."""
    if task == "CAUSAL_LM":
        rows = torch.tensor([ids + written])
        out = adapted(input_ids=rows, attention_mask=torch.ones_like(rows), **extra)
    else:
        rows = torch.tensor([ids])
        start = adapted.get_base_model().config.decoder_start_token_id
        out = adapted(input_ids=rows, attention_mask=torch.ones_like(rows), decoder_input_ids=torch.tensor([[start] + written]))
    return out.logits[0, -1, :tokens].log_softmax(-1)


def greedy(adapted, tokenizer, ids, case: str, tokens: int, extra: dict) -> dict:
    _, kind, task, _ = CASES[case]
    written, total = [], 0.0
    config = adapted.get_base_model().config
    settings = adapted.get_base_model().generation_config
    forced = {0: settings.forced_bos_token_id, WRITTEN - 1: settings.forced_eos_token_id}
    for place in range(WRITTEN):
        scores = next_scores(adapted, ids, written, task, tokens, extra)
        best = scores.topk(2).values
        assert best[0] - best[1] > 1e-3, f"{case}: too close to decide"
        written.append(int(scores.argmax()) if forced.get(place) is None else forced[place])
        total += float(scores[written[-1]])
    assert config.eos_token_id not in written[:-1], f"{case}: ends early; use another text"
    if case != RESIZED:
        rows = torch.tensor([ids])
        generated = adapted.generate(input_ids=rows, attention_mask=torch.ones_like(rows), max_new_tokens=WRITTEN, do_sample=False,
                                     pad_token_id=0, **extra)
        assert generated[0, -WRITTEN:].tolist() == written, f"{case}: generate returns {generated[0].tolist()}, not {written}"
    return {"text": tokenizer.decode(written), "log_prob": total}


def recorded(models: Path, folder: Path, case: str) -> dict:
    model, kind, task, _ = CASES[case]
    base = base_of(models, case, 3 if case == RESIZED else 0)
    tokens = base.config.vocab_size - (3 if case == RESIZED else 0)
    adapted = PeftModel.from_pretrained(base, folder / "reviews" if case == NAMED else folder).eval()
    tokenizer = Tokenizer.from_file(str(models / model / "tokenizer.json"))
    found = {"model": model, "type": kind, "task": task, "texts": texts_of(model)}
    encoded = [tokenizer.encode(text) for text in found["texts"]]
    if task == "SEQ_CLS":
        found["scores"] = []
        for each in encoded:
            rows = torch.tensor([each.ids])
            logits = adapted(input_ids=rows, attention_mask=torch.ones_like(rows)).logits[0]
            found["scores"].append(logits.softmax(-1).tolist())
    elif task == "TOKEN_CLS":
        found["labels"] = []
        for text in found["texts"]:
            each = tokenizer.encode(text)
            begins = [i for i in range(len(text)) if i == 0 or text[i] == " "]  # a space belongs to the first token of a word, if to any
            starts = [next(t for t, (_, end) in enumerate(each.offsets) if end > begin) for begin in begins]
            rows = torch.tensor([each.ids])
            logits = adapted(input_ids=rows, attention_mask=torch.ones_like(rows)).logits[0][starts]
            assert (logits.topk(2).values.diff().abs() > 1e-3).all(), f"{case}: too close to tell"
            found["labels"].append(logits.argmax(-1).tolist())
    elif kind == "MULTITASK_PROMPT_TUNING":
        found["written"] = [[greedy(adapted, tokenizer, each.ids, case, tokens, {"task_ids": torch.tensor([t])}) for each in encoded]
                            for t in (0, 1)]
    else:
        found["written"] = [[greedy(adapted, tokenizer, each.ids, case, tokens, {}) for each in encoded]]
    return found


@torch.no_grad()
def make(models: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    expected = {}
    for seed, case in enumerate(CASES):
        torch.manual_seed(1000 + seed)
        write(models, folder / case, case)
        expected[case] = recorded(models, folder / case, case)
    text = json.dumps(expected, indent=1)
    (folder / "expected.json").write_text(text + "\n")
