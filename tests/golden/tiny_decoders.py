"""More tiny random decoders: GPT-2 and the members of the Llama family, with config.json and tensor names in the forms of
published checkpoints. Their tokenizer has the words w0, w1, ... with these numbers as ids."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tiny_models import randomise, record_language_model, write

ROPE = {"rope_type": "default", "rope_theta": 10000.0}


def numbered_words(vocabulary: int) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({f"w{i}": i for i in range(vocabulary)}, unk_token="w0"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def write_decoder(folder: Path, model, seed: int, after=lambda model: None) -> None:
    """`after` changes the random weights."""
    randomise(model, seed)
    after(model)
    write(folder, model, numbered_words(model.config.vocab_size),
          {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "w0"})


def write_gpt2_tied(folder: Path) -> None:
    write_decoder(folder, GPT2LMHeadModel(GPT2Config(
        vocab_size=61, n_positions=40, n_embd=18, n_layer=3, n_head=3, scale_attn_by_inverse_layer_idx=True,
        bos_token_id=1, eos_token_id=1,
    )), 111)
    # OpenAI's checkpoints were saved from the model without its head, and with the mask among the weights.
    path = folder / "model.safetensors"
    tensors = {name.removeprefix("transformer."): value for name, value in load_file(path).items()}
    tensors["h.0.attn.bias"] = torch.ones(8, 8).tril().view(1, 1, 8, 8)
    save_file(tensors, path, {"format": "pt"})


def write_gpt2_untied(folder: Path) -> None:
    write_decoder(folder, GPT2LMHeadModel(GPT2Config(
        vocab_size=47, n_positions=24, n_embd=20, n_layer=1, n_head=5, n_inner=26, activation_function="relu",
        layer_norm_epsilon=1e-3, tie_word_embeddings=False, bos_token_id=1, eos_token_id=1,
    )), 112)


def write_llama3(folder: Path) -> None:
    scaling = {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }
    write_decoder(folder, LlamaForCausalLM(LlamaConfig(
        vocab_size=53, hidden_size=18, intermediate_size=28, num_hidden_layers=2, num_attention_heads=3,
        num_key_value_heads=1, head_dim=10, max_position_embeddings=128, rms_norm_eps=1e-5,
        rope_parameters={**scaling, "rope_theta": 100.0}, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2,
    )), 113)
    as_transformers_4(folder, 100.0, scaling)


def write_mistral(folder: Path) -> None:
    write_decoder(folder, MistralForCausalLM(MistralConfig(
        vocab_size=49, hidden_size=30, intermediate_size=34, num_hidden_layers=1, num_attention_heads=5,
        num_key_value_heads=1, head_dim=None, max_position_embeddings=64, sliding_window=12, rope_parameters=ROPE,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
    )), 114)


def write_qwen2(folder: Path) -> None:
    scaling = {"type": "linear", "factor": 2.0}
    write_decoder(folder, Qwen2ForCausalLM(Qwen2Config(
        vocab_size=51, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, sliding_window=4,
        rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1000.0}, tie_word_embeddings=True,
        bos_token_id=1, eos_token_id=2,
    )), 115)
    as_transformers_4(folder, 1000.0, scaling)
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    fields["sliding_window"] = 4  # such files have a window that is not used
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def write_qwen3(folder: Path) -> None:
    write_decoder(folder, Qwen3ForCausalLM(Qwen3Config(
        vocab_size=53, hidden_size=20, intermediate_size=30, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=8, max_position_embeddings=64, attention_bias=True, rope_parameters=ROPE,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=2,
    )), 116)


def as_transformers_4(folder: Path, theta: float, scaling: dict) -> None:
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    del fields["rope_parameters"]
    fields["torch_dtype"] = fields.pop("dtype")
    fields["rope_theta"], fields["rope_scaling"] = theta, scaling
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def make(folder: Path) -> None:
    makers = {
        "gpt2-tied": write_gpt2_tied, "gpt2-untied": write_gpt2_untied, "llama3": write_llama3,
        "mistral": write_mistral, "qwen2": write_qwen2, "qwen3": write_qwen3,
    }
    for seed, (name, write_model) in enumerate(makers.items(), 211):
        write_model(folder / name)
        record_language_model(
            folder / name, AutoModelForCausalLM, seed, segmented=False, lift=torch.nn.Module.double
        )
