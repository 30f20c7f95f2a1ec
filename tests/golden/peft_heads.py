"""Adapters with the classification head of every model class, as PEFT saves them, and the probabilities of transformers with them.

Every class of AutoModelForSequenceClassification and AutoModelForTokenClassification that the model families have is here
or in peft_adapters.py and lora.py. Adapters that a card can't hold have no probabilities: of T5 and BART, whose `classification_head`
PEFT doesn't save, and of T5's encoder alone. PEFT runs no prefixes with DistilBERT.
"""

import json
import shutil
from pathlib import Path

import torch
from peft import IA3Config, LoraConfig, PeftModel, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from tokenizers import Tokenizer

from peft_adapters import AUTO, LABELS, ROWS, texts_of

# PEFT does not know the names of DistilBERT's sizes.
DISTILBERT = {"token_dim": 16, "num_attention_heads": 4, "num_layers": 2}
DISTILBERT_FACTORS = {"target_modules": ["k_lin", "lin2"], "feedforward_modules": ["lin2"]}
ADAPTERS = {
    "mistral-prompt-head": ("mistral", PromptTuningConfig, "SEQ_CLS", {}),
    "mistral-words": ("mistral", PrefixTuningConfig, "TOKEN_CLS", {}),
    "qwen2-prefix-head": ("qwen2", PrefixTuningConfig, "SEQ_CLS", {}),
    "qwen2-words": ("qwen2", LoraConfig, "TOKEN_CLS", {"r": 2}),
    "qwen3-lora-head": ("qwen3", LoraConfig, "SEQ_CLS", {"r": 2}),
    "qwen3-words": ("qwen3", PromptTuningConfig, "TOKEN_CLS", {}),
    "llama-words": ("llama-untied", PromptTuningConfig, "TOKEN_CLS", {}),
    "gpt2-prompt-head": ("gpt2-untied", PromptTuningConfig, "SEQ_CLS", {}),
    "gpt2-words": ("gpt2-tied", PrefixTuningConfig, "TOKEN_CLS", {}),
    "bert-words": ("bert-mlm", PromptTuningConfig, "TOKEN_CLS", {}),
    "roberta-words": ("roberta-mlm", PrefixTuningConfig, "TOKEN_CLS", {}),
    "electra-prompt-head": ("electra-generator", PromptTuningConfig, "SEQ_CLS", {"token_dim": 10}),
    "electra-prefix-head": ("electra-generator", PrefixTuningConfig, "SEQ_CLS", {}),
    "electra-lora-head": ("electra-generator", LoraConfig, "SEQ_CLS", {"r": 2}),
    "electra-words": ("electra-generator", PrefixTuningConfig, "TOKEN_CLS", {}),
    "distilbert-prompt-head": ("distilbert-mlm", PromptTuningConfig, "SEQ_CLS", DISTILBERT),
    "distilbert-lora-head": ("distilbert-mlm", LoraConfig, "SEQ_CLS", {"r": 2, "target_modules": ["q_lin", "v_lin"]}),
    "distilbert-ia3-head": ("distilbert-mlm", IA3Config, "SEQ_CLS", DISTILBERT_FACTORS),
    "distilbert-words": ("distilbert-mlm", PromptEncoderConfig, "TOKEN_CLS", {**DISTILBERT, "encoder_hidden_size": 8}),
    "t5-words": ("t5-plain", PromptTuningConfig, "TOKEN_CLS", {}),
    "t5-head": ("t5-plain", LoraConfig, "SEQ_CLS", {"r": 2}),
    "bart-head": ("bart", LoraConfig, "SEQ_CLS", {"r": 2}),
    "modernbert-words": ("modernbert", LoraConfig, "TOKEN_CLS", {"r": 2, "target_modules": ["Wqkv", "Wi"]}),
    "modernbert-head": ("modernbert", LoraConfig, "SEQ_CLS", {"r": 2, "target_modules": ["Wqkv"]}),
    "modernbert-prompt-head": ("modernbert", PromptTuningConfig, "SEQ_CLS", {}),
    "deberta-pooler-head": ("deberta-v3", LoraConfig, "SEQ_CLS", {"r": 2, "target_modules": ["query_proj"], "modules_to_save": ["pooler"]}),
    "deberta-words": ("deberta-v3", LoraConfig, "TOKEN_CLS", {"r": 2, "target_modules": ["query_proj"]}),
    "albert-words": ("albert", LoraConfig, "TOKEN_CLS", {"r": 2, "target_modules": ["query"]}),
    "mpnet-words": ("mpnet", LoraConfig, "TOKEN_CLS", {"r": 2, "target_modules": ["q"]}),
}
REFUSED = ("t5-words", "t5-head", "bart-head")


def base_of(models: Path, name: str):
    model, _, task, _ = ADAPTERS[name]
    return AUTO[task].from_pretrained(models / model, dtype=torch.float32, num_labels=LABELS)


def write(models: Path, folder: Path, name: str) -> None:
    model, kind, task, options = ADAPTERS[name]
    size = {} if kind in (LoraConfig, IA3Config) else {"num_virtual_tokens": ROWS}
    adapted = get_peft_model(base_of(models, name), kind(task_type=task, **size, **options))
    for parameter_name, parameter in adapted.named_parameters():
        if parameter.requires_grad:
            noise = 0.5 * torch.randn_like(parameter)
            parameter.data = 1 + noise if "ia3_l" in parameter_name else noise
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    fields = json.loads(path.read_text())
    fields["base_model_name_or_path"] = model
    for field in ("target_modules", "feedforward_modules"):
        if isinstance(fields.get(field), list):
            fields[field].sort()  # of a set
    path.write_text(json.dumps(fields, indent=2, sort_keys=True))


def recorded(models: Path, folder: Path, name: str) -> dict:
    model, _, task, _ = ADAPTERS[name]
    found = {"model": model, "texts": texts_of(model), "scores": []}
    if name in REFUSED:
        return found
    adapted = PeftModel.from_pretrained(base_of(models, name), folder).eval()
    tokenizer = Tokenizer.from_file(str(models / model / "tokenizer.json"))
    for text in found["texts"]:
        each = tokenizer.encode(text)
        rows = torch.tensor([each.ids])
        logits = adapted(input_ids=rows, attention_mask=torch.ones_like(rows)).logits[0]
        if task == "TOKEN_CLS":
            begins = [i for i in range(len(text)) if i == 0 or text[i] == " "]  # a space belongs to the next word's first token, if to any
            starts = [next(t for t, (_, end) in enumerate(each.offsets) if end > begin) for begin in begins]
            logits = logits[-len(each.ids):][starts]  # without the virtual tokens
        found["scores"].append(logits.softmax(-1).tolist())
    spread = torch.tensor([score[0] if task == "TOKEN_CLS" else score for score in found["scores"]]).std(0).max()
    assert spread > 1e-3, f"{name}: all texts have the same probabilities"
    return found


@torch.no_grad()
def make(models: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    expected = {}
    for seed, name in enumerate(ADAPTERS):
        torch.manual_seed(3000 + seed)
        write(models, folder / name, name)
        expected[name] = recorded(models, folder / name, name)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
