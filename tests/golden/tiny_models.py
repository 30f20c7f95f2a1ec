"""Tiny random models in Hugging Face layout, and what transformers computes with them."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    LlamaConfig,
    LlamaForCausalLM,
    RobertaConfig,
    RobertaForMaskedLM,
)

import float64
import tiny_tokenizers

LENGTHS = [7, 1, 12, 2, 5, 9]


def randomise(model: torch.nn.Module, seed: int) -> None:
    """Weights large enough that a forgotten bias or a swapped norm changes the output by far more than 1e-4."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if name.endswith(("norm.weight", "LayerNorm.weight")) or (".ln_" in name and name.endswith(".weight")):
            parameter.data = 1.0 + 0.25 * noise
        elif any(part in name for part in ("embeddings", "embed_tokens", "wte", "wpe")):
            parameter.data = 0.3 * noise
        else:
            parameter.data = 0.18 * noise


def write_llama_tied(folder: Path) -> None:
    tokenizer = tiny_tokenizers.smollm_like(384)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=48,
        intermediate_size=80,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=12,
        max_position_embeddings=128,
        rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 1000.0},
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
    )
    model = LlamaForCausalLM(config)
    randomise(model, 101)
    write(folder, model, tokenizer, {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|im_start|>", "eos_token": "<|im_end|>",
        "unk_token": "<|endoftext|>", "pad_token": "<|im_end|>", "model_max_length": 128,
    })


def write_llama_untied(folder: Path) -> None:
    tokenizer = tiny_tokenizers.llama3_like(360)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size() + 4,  # as in real checkpoints, more embeddings than the tokenizer has ids
        hidden_size=36,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=3,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=96,
        rms_norm_eps=1e-6,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        attention_bias=True,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
    )
    model = LlamaForCausalLM(config)
    randomise(model, 102)
    write(folder, model, tokenizer, {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|begin_of_text|>",
        "eos_token": "<|end_of_text|>", "model_max_length": 96,
    })
    # Checkpoints older than transformers 5 have the rotary base at the top level.
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    fields["rope_theta"] = fields.pop("rope_parameters")["rope_theta"]
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


BERT_ROLES = {
    "tokenizer_class": "BertTokenizer", "cls_token": "[CLS]", "mask_token": "[MASK]", "pad_token": "[PAD]",
    "sep_token": "[SEP]", "unk_token": "[UNK]", "do_lower_case": True, "model_max_length": 64,
}


def write_bert_mlm(folder: Path) -> None:
    tokenizer = tiny_tokenizers.bert_like(320)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=40, num_hidden_layers=2, num_attention_heads=5,
        intermediate_size=72, max_position_embeddings=64, type_vocab_size=2,
    )
    model = BertForMaskedLM(config)
    randomise(model, 103)
    write(folder, model, tokenizer, BERT_ROLES)


def write_bert_plain(folder: Path) -> None:
    tokenizer = tiny_tokenizers.bert_like(300)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=56, max_position_embeddings=64, type_vocab_size=2,
    )
    model = BertModel(config)
    randomise(model, 104)
    write(folder, model, tokenizer, BERT_ROLES)


def write_roberta_mlm(folder: Path) -> None:
    tokenizer = tiny_tokenizers.roberta_like(290)
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=20, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=28, max_position_embeddings=50, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
        eos_token_id=2, layer_norm_eps=1e-5,
    )
    model = RobertaForMaskedLM(config)
    randomise(model, 105)
    write(folder, model, tokenizer, {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>",
        "sep_token": "</s>", "mask_token": "<mask>", "pad_token": "<pad>", "unk_token": "<unk>", "model_max_length": 48,
    })


def write(folder: Path, model, tokenizer, roles: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(json.dumps(roles, indent=2, sort_keys=True) + "\n")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2, sort_keys=True) + "\n")


def random_rows(vocabulary: int, seed: int, reserved: int = 5):
    """Packed sequences of unequal lengths without special tokens: ids [T] and offsets [S + 1]."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(reserved, vocabulary, (sum(LENGTHS),), generator=generator)
    offsets = torch.tensor([0] + LENGTHS).cumsum(0)
    return ids, offsets


def run_language_model(model, ids, offsets, segments, target_rows, target_ids):
    """Each sequence alone, without padding; returns hidden [T, H], log_probs [T, V], objective, gradient [T, H].

    The objective is the mean of log_probs[target_rows[t], target_ids[t]] over t.
    """
    embed = model.get_input_embeddings()
    hidden, log_probs, gradients, objective = [], [], [], 0.0
    for s in range(len(offsets) - 1):
        begin, end = int(offsets[s]), int(offsets[s + 1])
        embedded = embed(ids[begin:end]).detach().unsqueeze(0).requires_grad_()
        more = {} if segments is None else {"token_type_ids": segments[begin:end].unsqueeze(0)}
        out = model(inputs_embeds=embedded, output_hidden_states=True, **more)
        scores = torch.log_softmax(out.logits[0], dim=-1)
        chosen = (target_rows >= begin) & (target_rows < end)
        value = scores[target_rows[chosen] - begin, target_ids[chosen]].sum() / len(target_rows)
        (gradient,) = torch.autograd.grad(value, embedded, allow_unused=False)
        hidden.append(out.hidden_states[-1][0].detach())
        log_probs.append(scores.detach())
        gradients.append(gradient[0])
        objective += value.item()
    return torch.cat(hidden), torch.cat(log_probs), objective, torch.cat(gradients)


def record_language_model(folder: Path, loader, seed: int, segmented: bool, lift, attention: str = "sdpa") -> None:
    """`lift` converts a model to float64, whose attention is `attention`: families with terms of their own have eager only."""
    single = loader.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    double = lift(loader.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention).eval())
    vocabulary = single.config.vocab_size
    ids, offsets = random_rows(vocabulary, seed)
    segments = segments_of(offsets) if segmented else None
    generator = torch.Generator().manual_seed(seed + 1)
    target_rows = torch.cat([offsets[1:] - 1, offsets[:-1] + (offsets[1:] - offsets[:-1]) // 2])
    target_ids = torch.randint(0, vocabulary, target_rows.shape, generator=generator)
    arguments = (ids, offsets, segments, target_rows, target_ids)
    hidden, log_probs, objective, gradient = run_language_model(double, *arguments)
    other = run_language_model(single, *arguments)
    check_rounding(folder.name, (hidden, log_probs, gradient), (other[0], other[1], other[3]))
    tensors = {
        "ids": ids, "offsets": offsets, "target_rows": target_rows, "target_ids": target_ids,
        "hidden": hidden.float(), "log_probs": log_probs[target_rows].float(), "embedding_gradient": gradient.float(),
        "objective": torch.tensor([objective], dtype=torch.float64),
    }
    if segmented:
        tensors["segments"] = segments
    save_file(tensors, folder / "outputs.safetensors")


def check_rounding(name, double, single) -> None:
    """A tolerance of 1e-4 is only meaningful if float32 itself stays well within it."""
    distance = [float((a - b).abs().max()) for a, b in zip(double, single)]
    largest = [float(a.abs().max()) for a in double]
    print(f"{name}: float32 differs from float64 by", *(f"{d:.1e} of {m:.1f}" for d, m in zip(distance, largest)))
    assert max(distance) < 5e-5, distance


def segments_of(offsets):
    """The second half of each sequence is segment 1; the last sequence is all segment 0."""
    segments = torch.zeros(int(offsets[-1]), dtype=torch.int64)
    for s in range(len(offsets) - 2):
        begin, end = int(offsets[s]), int(offsets[s + 1])
        segments[begin + (end - begin + 1) // 2 : end] = 1
    return segments


def record_encoder(folder: Path, seed: int) -> None:
    """No head: the objective is sum(hidden * hidden_probe), + sum(pooled * pooled_probe) where there is a pooler."""
    double = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval().double()
    ids, offsets = random_rows(double.config.vocab_size, seed)
    segments = segments_of(offsets)
    generator = torch.Generator().manual_seed(seed + 1)
    width = double.config.hidden_size
    hidden_probe = torch.randn(len(ids), width, generator=generator)
    pooled_probe = torch.randn(len(offsets) - 1, width, generator=generator)
    pools = getattr(double, "pooler", None) is not None
    hidden, pooled, gradients, objective = [], [], [], 0.0
    for s in range(len(offsets) - 1):
        rows = slice(int(offsets[s]), int(offsets[s + 1]))
        embedded = double.get_input_embeddings()(ids[rows]).detach().unsqueeze(0).requires_grad_()
        out = double(inputs_embeds=embedded, token_type_ids=segments[rows].unsqueeze(0))
        value = (out.last_hidden_state[0] * hidden_probe[rows]).sum()
        if pools:
            value = value + (out.pooler_output[0] * pooled_probe[s]).sum()
            pooled.append(out.pooler_output.detach())
        (gradient,) = torch.autograd.grad(value, embedded)
        hidden.append(out.last_hidden_state[0].detach())
        gradients.append(gradient[0])
        objective += value.item()
    tensors = {
        "ids": ids, "offsets": offsets, "segments": segments, "hidden": torch.cat(hidden).float(),
        "hidden_probe": hidden_probe, "embedding_gradient": torch.cat(gradients).float(),
        "objective": torch.tensor([objective], dtype=torch.float64),
    }
    if pools:
        tensors.update(pooled=torch.cat(pooled).float(), pooled_probe=pooled_probe)
    save_file(tensors, folder / "outputs.safetensors")


def make(folder: Path) -> None:
    write_llama_tied(folder / "llama-tied")
    write_llama_untied(folder / "llama-untied")
    write_bert_mlm(folder / "bert-mlm")
    write_bert_plain(folder / "bert-plain")
    record_language_model(folder / "llama-tied", AutoModelForCausalLM, 201, segmented=False, lift=float64.lift)
    record_language_model(folder / "llama-untied", AutoModelForCausalLM, 202, segmented=False, lift=float64.lift)
    record_language_model(folder / "bert-mlm", AutoModelForMaskedLM, 203, segmented=True, lift=torch.nn.Module.double)
    record_encoder(folder / "bert-plain", 204)
    write_roberta_mlm(folder / "roberta-mlm")
    record_language_model(folder / "roberta-mlm", AutoModelForMaskedLM, 205, segmented=False, lift=torch.nn.Module.double)
