"""Tiny random decoders with sliding windows, with scaled rotary positions, and of the families that are a step from Llama or GPT-2.
Their tokenizer has the words w0, w1, ... with these numbers as ids."""

import json
from pathlib import Path

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from tiny_decoders import ROPE, as_transformers_4, write_decoder
from tiny_models import record_language_model

ENDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
SMALL = {"vocab_size": 31, "hidden_size": 12, "intermediate_size": 10, "num_hidden_layers": 2,
         "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 40, **ENDS}


def scaled(**rope) -> LlamaForCausalLM:
    positions = rope.pop("positions", 40)
    return LlamaForCausalLM(LlamaConfig(**{
        **SMALL, "max_position_embeddings": positions, "head_dim": 8, "rope_parameters": {"rope_theta": 100.0, **rope}}))


def write_mistral(folder: Path) -> None:
    write_decoder(folder, MistralForCausalLM(MistralConfig(
        **SMALL, sliding_window=4, rope_parameters=ROPE, tie_word_embeddings=False)), 141)


def write_qwen2(folder: Path) -> None:
    """As files of transformers 4 have it: no list of layers."""
    write_decoder(folder, Qwen2ForCausalLM(Qwen2Config(
        **SMALL, use_sliding_window=True, sliding_window=3, max_window_layers=1,
        rope_parameters=ROPE, tie_word_embeddings=True)), 142)
    as_transformers_4(folder, 10000.0, None)
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    del fields["layer_types"]
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def write_qwen3(folder: Path) -> None:
    write_decoder(folder, Qwen3ForCausalLM(Qwen3Config(
        **SMALL, head_dim=4, use_sliding_window=True, sliding_window=5, rope_parameters=ROPE,
        layer_types=["sliding_attention", "full_attention"], tie_word_embeddings=True)), 143)


def write_yarn(folder: Path) -> None:
    write_decoder(folder, scaled(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=4.0), 144)


def write_dynamic(folder: Path) -> None:
    """Some of the recorded texts are longer than the positions, some are not."""
    write_decoder(folder, scaled(rope_type="dynamic", factor=4.0, positions=8), 145)


def write_gemma(folder: Path) -> None:
    write_gemmas(folder, GemmaForCausalLM(GemmaConfig(**SMALL, head_dim=4)), 146)


def write_gemma2(folder: Path) -> None:
    write_gemmas(folder, Gemma2ForCausalLM(Gemma2Config(
        **SMALL, head_dim=8, query_pre_attn_scalar=8, sliding_window=4,
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0)), 147)


def write_gemma3(folder: Path) -> None:
    write_gemmas(folder, Gemma3ForCausalLM(Gemma3TextConfig(
        **SMALL, head_dim=8, query_pre_attn_scalar=10, sliding_window=4,
        layer_types=["sliding_attention", "full_attention"],
        rope_parameters={"full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}})), 148)


def write_gemmas(folder: Path, model, seed: int) -> None:
    model.config.tie_word_embeddings = True
    write_decoder(folder, model, seed, after=centre_norms)


def centre_norms(model: torch.nn.Module) -> None:
    """Gemma's norms multiply by 1 + weight."""
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):
            parameter.data -= 1


def write_phi3(folder: Path) -> None:
    """Parts of heads are rotated."""
    write_decoder(folder, Phi3ForCausalLM(Phi3Config(
        **SMALL, sliding_window=6, rope_parameters={**ROPE, "partial_rotary_factor": 0.5}, tie_word_embeddings=False)), 149)


def write_phi3_longrope(folder: Path) -> None:
    """Some of the recorded texts are longer than in pre-training, some are not."""
    write_decoder(folder, Phi3ForCausalLM(Phi3Config(
        **SMALL, original_max_position_embeddings=8, rope_parameters={
            "rope_type": "longrope", "rope_theta": 100.0, "short_factor": [1.0, 1.1, 1.4], "long_factor": [1.0, 3.0, 7.5],
        }, tie_word_embeddings=True)), 150)


def write_olmo2(folder: Path) -> None:
    write_decoder(folder, Olmo2ForCausalLM(Olmo2Config(
        **SMALL, attention_bias=True, rope_parameters=ROPE, tie_word_embeddings=False)), 151)


NEOX = {key: value for key, value in SMALL.items() if key != "num_key_value_heads"}


def write_gpt_neox(folder: Path) -> None:
    write_decoder(folder, GPTNeoXForCausalLM(GPTNeoXConfig(
        **NEOX, hidden_act="gelu", tie_word_embeddings=False,
        rope_parameters={**ROPE, "partial_rotary_factor": 0.34})), 152)


def write_gpt_neox_serial(folder: Path) -> None:
    """As files of transformers 4 have it."""
    write_decoder(folder, GPTNeoXForCausalLM(GPTNeoXConfig(
        **{**NEOX, "num_hidden_layers": 1}, hidden_act="gelu_fast", use_parallel_residual=False, attention_bias=False,
        rope_parameters={**ROPE, "partial_rotary_factor": 1.0}, tie_word_embeddings=False)), 153)
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    del fields["rope_parameters"]
    fields["rotary_pct"], fields["rotary_emb_base"] = 1.0, 10000
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


OPT = {key: value for key, value in NEOX.items() if key != "intermediate_size"}


def write_opt(folder: Path) -> None:
    write_decoder(folder, OPTForCausalLM(OPTConfig(**OPT, ffn_dim=10)), 154)


def write_opt_projected(folder: Path) -> None:
    """As OPT-350M: norms behind each part, no final one, embeddings of another width."""
    write_decoder(folder, OPTForCausalLM(OPTConfig(
        **OPT, ffn_dim=10, do_layer_norm_before=False, word_embed_proj_dim=8, activation_function="gelu")), 155)


def make(folder: Path) -> None:
    makers = {
        "mistral-window": write_mistral, "qwen2-window": write_qwen2, "qwen3-window": write_qwen3,
        "llama-yarn": write_yarn, "llama-dynamic": write_dynamic, "gemma": write_gemma, "gemma2": write_gemma2,
        "gemma3": write_gemma3, "phi3": write_phi3, "phi3-longrope": write_phi3_longrope, "olmo2": write_olmo2,
        "gpt-neox": write_gpt_neox, "gpt-neox-serial": write_gpt_neox_serial, "opt": write_opt,
        "opt-projected": write_opt_projected,
    }
    for seed, (name, write_model) in enumerate(makers.items(), 241):
        write_model(folder / name)
        # The fused attention has no cap on scores.
        record_language_model(folder / name, AutoModelForCausalLM, seed, segmented=False, lift=torch.nn.Module.double,
                              attention="eager" if name == "gemma2" else "sdpa")
