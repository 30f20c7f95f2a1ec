"""LoRA and (IA)^3 on the tiny models: losses, gradients and AdamW steps in float64, and adapters as PEFT saves them.

PEFT's own modules throughout, on transformers' own classes. As in trainable_prefixes.py nothing that is trained is stored: the
k-th tensor of a case starts as chirp(k), in the order of the modules' names, of LoRA A before B.

The adapters are saved and loaded by PEFT, and its results are recorded: class probabilities of heads, labels
of words, probabilities of two words at a mask, or the greedily generated text and its log-probability.
"""

import json
import shutil
from pathlib import Path

import torch
import transformers
from peft import IA3Config, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from trainable_prefixes import FAMILIES, Case, probe, rows_of, train
from peft_adapters import AUTO, LABELS, texts_of

RANK, ALPHA, ALL_RANK, ALL_ALPHA = 2, 3, 3, 5

# The linear layers in each model's blocks, as PEFT's regular expression.
BLOCKS = {
    "llama-tied": r"model\.layers\..*_proj",
    "gpt2-tied": r"transformer\.h\..*(c_attn|c_proj|c_fc)",
    "bert-mlm": r"bert\.encoder\..*(query|key|value|dense)",
    "t5-plain": r".*\.block\..*\.(q|k|v|o|wi|wo)",
}


def configs(name: str):
    yield "lora", LoraConfig(r=RANK, lora_alpha=ALPHA)
    yield "lora.all", LoraConfig(r=ALL_RANK, lora_alpha=ALL_ALPHA, use_rslora=True, target_modules=BLOCKS[name])
    yield "ia3", IA3Config()


def case_of(family, folder: Path, config) -> Case:
    tuned = get_peft_model(family.fresh(folder), config).double().eval()
    trained = {name: tensor for name, tensor in tuned.named_parameters() if tensor.requires_grad}
    tensors = [trained[name] for name in sorted(trained)]

    def scores(ids, outputs):
        more = {} if outputs is None else {"decoder_input_ids": outputs, "use_cache": False}
        return tuned(input_ids=ids, attention_mask=torch.ones_like(ids), **more).logits[:, -1]

    return Case(tensors, lambda: torch.stack([probe(tensor) for tensor in tensors]), scores)


def make_steps(folder: Path) -> None:
    for family in FAMILIES:
        if family.name not in BLOCKS:
            continue
        rows = rows_of(family, folder)
        tensors = dict(rows)
        for name, config in configs(family.name):
            for field, value in train(case_of(family, folder, config), rows).items():
                tensors[f"{name}.{field}"] = value.contiguous()
        save_file(tensors, folder / family.name / "lora.safetensors")


WRITTEN = 6
MASKED_WORDS = ["great", "terrible"]
ADAPTERS = {
    "llama-patterns": ("llama-tied", LoraConfig, "CAUSAL_LM",
                       {"r": 4, "lora_alpha": 6, "rank_pattern": {"q_proj": 2},
                        "alpha_pattern": {"model.layers.1.self_attn.v_proj": 5}}),
    "llama-all": ("llama-untied", LoraConfig, "CAUSAL_LM", {"r": 3, "use_rslora": True, "target_modules": "all-linear"}),
    "llama-head": ("llama-tied", LoraConfig, "SEQ_CLS", {"r": 2}),
    "gpt2": ("gpt2-tied", LoraConfig, "CAUSAL_LM", {"r": 2, "lora_alpha": 5, "lora_dropout": 0.1}),
    "t5": ("t5-plain", LoraConfig, "SEQ_2_SEQ_LM", {"r": 2}),
    "bert-head": ("bert-plain", LoraConfig, "SEQ_CLS", {"r": 2}),
    "bert-words": ("bert-plain", LoraConfig, "TOKEN_CLS", {"r": 2, "target_modules": ["key", "output.dense"]}),
    "bert-masked": ("bert-mlm", LoraConfig, None, {"r": 2}),
    "roberta-head": ("roberta-mlm", LoraConfig, "SEQ_CLS", {"r": 2}),
    "llama-ia3": ("llama-tied", IA3Config, "CAUSAL_LM", {}),
    "gpt2-ia3": ("gpt2-tied", IA3Config, "CAUSAL_LM", {}),
    "t5-ia3": ("t5-plain", IA3Config, "SEQ_2_SEQ_LM", {}),
    "bert-ia3-head": ("bert-plain", IA3Config, "SEQ_CLS", {}),
    "llama-overlapping": ("llama-tied", LoraConfig, "CAUSAL_LM",
                          {"r": 4, "lora_alpha": 6, "rank_pattern": {"layers.1.self_attn.q_proj": 3, "q_proj": 2},
                           "alpha_pattern": {"layers.*.self_attn.q_proj": 5, "q_proj": 40}}),
    "llama-fewer": ("llama-tied", LoraConfig, "CAUSAL_LM", {"r": 2, "target_modules": ["q_proj", "v_proj"]}),
}
FEWER = "llama-fewer"  # its configuration names fewer modules than the file has tensors of, which PEFT ignores
HALF = "roberta-head"


def base_of(models: Path, model: str, task):
    loader = AUTO[task] if task else transformers.AutoModelForMaskedLM
    labels = {"num_labels": LABELS} if task and task.endswith("CLS") else {}
    return loader.from_pretrained(models / model, dtype=torch.float32, **labels)


def write(models: Path, folder: Path, name: str) -> None:
    model, config, task, options = ADAPTERS[name]
    adapted = get_peft_model(base_of(models, model, task), config(task_type=task, **options))
    for parameter_name, parameter in adapted.named_parameters():
        if not parameter.requires_grad:
            continue
        noise = torch.randn_like(parameter)
        parameter.data = 1 + 0.5 * noise if "ia3_l" in parameter_name else (0.5 if "modules_to_save" in parameter_name else 0.3) * noise
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    path = folder / "adapter_config.json"
    fields = json.loads(path.read_text())
    fields["base_model_name_or_path"] = model
    for field in ("target_modules", "feedforward_modules"):
        if isinstance(fields.get(field), list):
            fields[field].sort()  # PEFT writes a set
    if name == FEWER:
        fields["target_modules"] = ["q_proj"]
    path.write_text(json.dumps(fields, indent=2, sort_keys=True))
    if name == HALF:
        tensors = load_file(folder / "adapter_model.safetensors")
        save_file({key: value.half() for key, value in tensors.items()}, folder / "adapter_model.safetensors", metadata={"format": "pt"})


def greedy(adapted, tokenizer, ids: list, task: str) -> dict:
    rows = torch.tensor([ids])
    text = adapted.generate(input_ids=rows, attention_mask=torch.ones_like(rows), max_new_tokens=WRITTEN, do_sample=False, pad_token_id=0)
    if task == "CAUSAL_LM":
        new, scores = text[0, len(ids):], adapted(input_ids=text[:, :-1]).logits[0, len(ids) - 1:]
    else:
        new, scores = text[0, 1:], adapted(input_ids=rows, decoder_input_ids=text[:, :-1]).logits[0]
    best = scores.topk(2).values
    assert len(new) == WRITTEN and adapted.get_base_model().config.eos_token_id not in new[:-1].tolist(), new
    assert (best[:, 0] - best[:, 1] > 1e-3).all() and scores.argmax(-1).equal(new)
    return {"text": tokenizer.decode(new.tolist()), "log_prob": float(scores.log_softmax(-1).gather(1, new[:, None]).sum())}


def recorded(models: Path, folder: Path, name: str) -> dict:
    model, config, task, _ = ADAPTERS[name]
    adapted = PeftModel.from_pretrained(base_of(models, model, task), folder).eval()
    tokenizer = Tokenizer.from_file(str(models / model / "tokenizer.json"))
    found = {"model": model, "type": "LORA" if config is LoraConfig else "IA3", "texts": texts_of(model)}

    def logits(encoded):
        rows = torch.tensor([encoded.ids])
        return adapted(input_ids=rows, attention_mask=torch.ones_like(rows)).logits[0]

    if task == "SEQ_CLS":
        found["scores"] = [logits(tokenizer.encode(text)).softmax(-1).tolist() for text in found["texts"]]
    elif task == "TOKEN_CLS":
        found["labels"] = []
        for text in found["texts"]:
            encoded = tokenizer.encode(text)
            begins = [i for i in range(len(text)) if i == 0 or text[i] == " "]
            starts = [next(t for t, (_, end) in enumerate(encoded.offsets) if end > begin) for begin in begins]
            scores = logits(encoded)[starts]
            assert (scores.topk(2).values.diff().abs() > 1e-3).all(), name
            found["labels"].append(scores.argmax(-1).tolist())
    elif task is None:
        words = [tokenizer.encode(word, add_special_tokens=False).ids for word in MASKED_WORDS]
        assert all(len(word) == 1 for word in words), words
        found["words"], found["scores"] = MASKED_WORDS, []
        for text in found["texts"]:
            encoded = tokenizer.encode(text + " [MASK]")
            scores = logits(encoded)[encoded.tokens.index("[MASK]")]
            found["scores"].append(scores[[word[0] for word in words]].softmax(-1).tolist())
    else:
        found["written"] = [greedy(adapted, tokenizer, tokenizer.encode(text).ids, task) for text in found["texts"]]
    return found


@torch.no_grad()
def make_adapters(models: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    expected = {}
    for seed, name in enumerate(ADAPTERS):
        torch.manual_seed(2000 + seed)
        write(models, folder / name, name)
        expected[name] = recorded(models, folder / name, name)
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def make(models: Path, adapters: Path) -> None:
    make_steps(models)
    make_adapters(models, adapters)
