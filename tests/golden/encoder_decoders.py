"""Tiny random T5, mT5, umT5 and BART models in Hugging Face layout, and what transformers computes with them."""

import json
import re
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import (
    AutoModelForSeq2SeqLM,
    BartConfig,
    BartForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
    UMT5Config,
    UMT5ForConditionalGeneration,
)

import tiny_models
import tiny_tokenizers

OUTPUT_LENGTHS = [3, 2, 5, 1, 4, 2]
TRACED = 2  # the sequence whose encoder keys and values are kept


def t5_words() -> Tokenizer:
    """Sentinels are at the end and count down, as in T5's own vocabulary."""
    return tiny_tokenizers.spelling(["<pad>", "</s>", "<unk>"], [], ["</s>"], after=[f"<extra_id_{i}>" for i in (3, 2, 1, 0)])


def randomise(model: torch.nn.Module, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in sorted([*model.named_parameters(), *model.named_buffers()]):
        noise = torch.randn(parameter.shape, generator=generator)
        if re.search(r"norm(_embedding)?\.weight$", name):
            parameter.data = 1.0 + 0.25 * noise
        elif "relative_attention_bias" in name:
            parameter.data = noise
        elif "shared" in name or "embed" in name:
            parameter.data = 0.3 * noise
        else:
            parameter.data = 0.18 * noise


T5_ROLES = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def write_t5_plain(folder: Path) -> None:
    tokenizer = t5_words()
    config = T5Config(
        vocab_size=tokenizer.get_vocab_size(), d_model=20, d_kv=6, d_ff=32, num_layers=2, num_decoder_layers=1, num_heads=3,
        relative_attention_num_buckets=8, relative_attention_max_distance=10, feed_forward_proj="relu",
        decoder_start_token_id=0,
    )
    model = T5ForConditionalGeneration(config)
    randomise(model, 111)
    tiny_models.write(folder, model, tokenizer, T5_ROLES)


def write_t5_gated(folder: Path) -> None:
    """As in T5 1.1: an untied output matrix, and the configuration of it."""
    tokenizer = t5_words()
    config = T5Config(
        vocab_size=tokenizer.get_vocab_size() + 5, d_model=16, d_kv=10, d_ff=28, num_layers=1, num_decoder_layers=2,
        num_heads=2, feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0,
    )
    model = T5ForConditionalGeneration(config)
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.clone())
    randomise(model, 112)
    tiny_models.write(folder, model, tokenizer, T5_ROLES)
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    fields.pop("scale_decoder_outputs", None)
    fields["tie_word_embeddings"] = False
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def write_mt5(folder: Path) -> None:
    """Tied, and yet not scaled."""
    tokenizer = t5_words()
    model = MT5ForConditionalGeneration(MT5Config(
        vocab_size=tokenizer.get_vocab_size(), d_model=9, d_kv=5, d_ff=14, num_layers=1, num_heads=2, decoder_start_token_id=0,
    ))
    randomise(model, 114)
    tiny_models.write(folder, model, tokenizer, T5_ROLES)


def write_umt5(folder: Path) -> None:
    """A table of biases in every layer, and a file that says that it is not tied, as umT5's own do."""
    tokenizer = t5_words()
    model = UMT5ForConditionalGeneration(UMT5Config(
        vocab_size=tokenizer.get_vocab_size(), d_model=9, d_kv=5, d_ff=14, num_layers=2, num_heads=2, decoder_start_token_id=0,
        relative_attention_num_buckets=8, relative_attention_max_distance=10,
    ))
    randomise(model, 115)
    tiny_models.write(folder, model, tokenizer, T5_ROLES)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tie_word_embeddings": False}, indent=2, sort_keys=True) + "\n")


def write_bart(folder: Path) -> None:
    tokenizer = tiny_tokenizers.spelling(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], ["<s>"], ["</s>"])
    config = BartConfig(
        vocab_size=tokenizer.get_vocab_size(), d_model=24, encoder_layers=1, decoder_layers=2, encoder_attention_heads=3,
        decoder_attention_heads=4, encoder_ffn_dim=28, decoder_ffn_dim=36, max_position_embeddings=48, scale_embedding=True,
        decoder_start_token_id=2, bos_token_id=0, pad_token_id=1, eos_token_id=2, forced_eos_token_id=None,
    )
    model = BartForConditionalGeneration(config)
    randomise(model, 113)
    tiny_models.write(folder, model, tokenizer, {
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>",
        "unk_token": "<unk>", "mask_token": "<mask>", "cls_token": "<s>", "sep_token": "</s>",
    })
    path = folder / "config.json"  # as in BART's own files
    fields = json.loads(path.read_text()) | {"forced_bos_token_id": 0, "forced_eos_token_id": 2}
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


class EncoderTrace:
    """Keys and values of every encoder layer, as projected."""

    def __init__(self, model):
        self.rows = {"key": [], "value": []}
        for name, module in model.get_encoder().named_modules():
            ending = name.rsplit(".", 1)[-1]
            if ending in ("k", "k_proj", "v", "v_proj"):
                kept = self.rows["key" if ending[0] == "k" else "value"]
                module.register_forward_hook(lambda _, __, out, kept=kept: kept.append(out.detach()[0]))

    def take(self):
        taken = {kind: torch.stack(layers) for kind, layers in self.rows.items()}
        for layers in self.rows.values():
            layers.clear()
        return taken


def run(model, rows: dict):
    """Each pair alone, without padding: hidden, log_probs of output tokens, gradients of both sides' word embeddings, objective,
    and the encoder's keys and values of one sequence."""
    table = model.get_input_embeddings().weight.detach()
    scale = getattr(model.get_input_embeddings(), "embed_scale", 1.0)
    trace = EncoderTrace(model)
    found = {name: [] for name in ("hidden", "log_probs", "embedding_gradient", "output_embedding_gradient")}
    objective = 0.0
    for s in range(len(OUTPUT_LENGTHS)):
        begin, end = (int(rows["output_offsets"][s + i]) for i in (0, 1))
        source = table[rows["ids"][rows["offsets"][s] : rows["offsets"][s + 1]]].clone().requires_grad_()
        target = table[rows["output_ids"][begin:end]].clone().requires_grad_()
        out = model(inputs_embeds=(source * scale).unsqueeze(0), decoder_inputs_embeds=(target * scale).unsqueeze(0),
                    output_hidden_states=True, use_cache=False)
        traced = trace.take()
        if s == TRACED:
            found["encoder_key"], found["encoder_value"] = traced["key"], traced["value"]
        scores = torch.log_softmax(out.logits[0], dim=-1)
        chosen = (rows["target_rows"] >= begin) & (rows["target_rows"] < end)
        value = scores[rows["target_rows"][chosen] - begin, rows["target_ids"][chosen]].sum() / len(rows["target_rows"])
        gradients = torch.autograd.grad(value, [source, target])
        found["hidden"].append(out.decoder_hidden_states[-1][0].detach())
        found["log_probs"].append(scores.detach())
        found["embedding_gradient"].append(gradients[0])
        found["output_embedding_gradient"].append(gradients[1])
        objective += value.item()
    return {name: torch.cat(each) if isinstance(each, list) else each for name, each in found.items()}, objective


def record(folder: Path, seed: int) -> None:
    single = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    double = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval().double()
    vocabulary = single.config.vocab_size
    ids, offsets = tiny_models.random_rows(vocabulary, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    output_offsets = torch.tensor([0] + OUTPUT_LENGTHS).cumsum(0)
    output_ids = torch.randint(5, vocabulary, (int(output_offsets[-1]),), generator=generator)
    output_ids[output_offsets[:-1]] = single.config.decoder_start_token_id
    target_rows = torch.cat([output_offsets[1:] - 1, output_offsets[:-1]])
    rows = {
        "ids": ids, "offsets": offsets, "output_ids": output_ids, "output_offsets": output_offsets, "target_rows": target_rows,
        "target_ids": torch.randint(0, vocabulary, target_rows.shape, generator=generator),
    }
    found, objective = run(double, rows)
    other, _ = run(single, rows)
    tiny_models.check_rounding(folder.name, found.values(), other.values())
    heads = single.config.encoder_attention_heads if hasattr(single.config, "encoder_attention_heads") else single.config.num_heads
    for name in ("encoder_key", "encoder_value"):
        found[name] = found[name].unflatten(-1, (heads, -1))
    save_file({**rows, **{name: tensor.float().contiguous() for name, tensor in found.items()},
               "objective": torch.tensor([objective], dtype=torch.float64)}, folder / "outputs.safetensors")


def make(folder: Path) -> None:
    for seed, (name, write) in enumerate({
        "t5-plain": write_t5_plain, "t5-gated": write_t5_gated, "bart": write_bart, "mt5": write_mt5, "umt5": write_umt5,
    }.items(), 211):
        write(folder / name)
        record(folder / name, seed * 10)
