"""What transformers generates for prompts of unequal length, each alone, on the tiny models that can generate.

generation.safetensors in a model's folder: `prompts` and `prompt_offsets` [n + 1]; for each setting NAME of SETTINGS that
is recorded of the model `NAME.ids` and `NAME.offsets`, the tokens generated after each prompt (after the decoder's first
token where there is an encoder), end-of-sequence token included where it was generated; for beams `NAME.scores`, the score of each.
A setting with several texts per prompt has them consecutively, best first.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

SETTINGS = {
    "greedy": {},
    "greedy.penalty": {"repetition_penalty": 1.4},
    "greedy.ngram": {"no_repeat_ngram_size": 2},
    "greedy.min": {"min_new_tokens": 8},
    "greedy.banned": {"bad_words_ids": [[7], [11, 12]], "repetition_penalty": 1.2, "no_repeat_ngram_size": 3},
    "beams": {"num_beams": 3},
    "beams.long": {"num_beams": 3, "length_penalty": 2.0, "min_new_tokens": 4},
    "beams.short": {"num_beams": 3, "length_penalty": -0.5},
    "beams.early": {"num_beams": 3, "early_stopping": True, "no_repeat_ngram_size": 2},
    "beams.penalty": {"num_beams": 3, "repetition_penalty": 1.3},
    "beams.several": {"num_beams": 4, "num_return_sequences": 3},
}
SOME = ["greedy", "greedy.ngram", "greedy.banned", "beams", "beams.long", "beams.early", "beams.several"]


@dataclass
class Case:
    """What is recorded of a model. Prompts and generated tokens must fit its positions."""

    seed: int
    prompts: int = 6
    longest_prompt: int = 13
    new_tokens: int = 12
    settings: tuple[str, ...] = tuple(SOME)


def few(seed: int, longest_prompt: int = 13) -> Case:
    """For a model that differs from others in its layers only."""
    return Case(seed, 4, longest_prompt, 10, ("greedy", "beams"))


CASES = {
    "llama-tied": Case(401, 10, 13, 20, tuple(SETTINGS)),
    "llama-untied": Case(402, 10, 13, 20, tuple(SETTINGS)),
    "gpt2-tied": Case(403),
    "gpt2-untied": Case(404, longest_prompt=12),
    "llama3": Case(405),
    "mistral": Case(406, longest_prompt=5, new_tokens=8),  # within its window
    "qwen2": Case(407),
    "qwen3": Case(408),
    "mistral-window": few(412), "qwen2-window": few(413), "qwen3-window": few(414), "llama-yarn": few(415),
    # No longer than the positions at first, because transformers keeps the base of the longest text so far.
    "llama-dynamic": few(416, longest_prompt=7),
    "gemma": few(417), "gemma2": few(418), "gemma3": few(419), "phi3": few(420), "olmo2": few(421),
    "gpt-neox": few(422), "gpt-neox-serial": few(423), "opt": few(424), "opt-projected": few(425),
    "t5-plain": Case(409),
    "t5-gated": Case(410),
    "bart": Case(411),
    "umt5": Case(419, prompts=4, new_tokens=8),
}


def load(folder: Path):
    """The model, with the special tokens for generation from its config.json and no other generation settings."""
    fields = json.loads((folder / "config.json").read_text())
    loader = AutoModelForSeq2SeqLM if fields.get("is_encoder_decoder") else AutoModelForCausalLM
    model = loader.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    settings = model.generation_config
    settings.use_cache = not model.config.is_encoder_decoder  # transformers sizes T5's cache by its encoder's layers
    settings.eos_token_id = settings.pad_token_id = fields["eos_token_id"]
    for key in ("decoder_start_token_id", "forced_bos_token_id", "forced_eos_token_id"):
        setattr(settings, key, fields.get(key))
    return model


def written(model, prompt: list[int], new_tokens: int, **settings) -> tuple[list[list[int]], list[float]]:
    out = model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64), do_sample=False,
        max_new_tokens=new_tokens, return_dict_in_generate=True, output_scores=True, **settings)
    begin = 1 if model.config.is_encoder_decoder else len(prompt)
    return ([without_padding(ids, model.config.eos_token_id) for ids in out.sequences[:, begin:].tolist()],
            out.sequences_scores.tolist() if "num_beams" in settings else [])


def without_padding(ids: list[int], end: int) -> list[int]:
    """The end-of-sequence token is also the padding token."""
    return ids[: ids.index(end) + 1] if end in ids else ids


def chosen_prompts(model, case: Case) -> list[list[int]]:
    """Half of them are chosen so that generation ends before the length limit, where as many are found."""
    generator = torch.Generator().manual_seed(case.seed)
    end, half = model.config.eos_token_id, case.prompts // 2
    ending, other = [], []
    for _ in range(60):
        length = int(torch.randint(1, case.longest_prompt + 1, (1,), generator=generator))
        drawn = torch.randint(5, model.config.vocab_size, (32, length), generator=generator)
        texts = model.generate(drawn, attention_mask=torch.ones_like(drawn), do_sample=False, max_new_tokens=case.new_tokens)
        begin = 1 if model.config.is_encoder_decoder else length
        ends = (texts[:, begin : begin + case.new_tokens - 1] == end).any(1)
        ending += drawn[ends][:2].tolist()
        other += drawn[~ends][:2].tolist()
        if min(len(ending), len(other)) >= half:
            break
    chosen = ending[:half]
    return chosen + other[: case.prompts - len(chosen)]


def offsets(lists: list[list]) -> torch.Tensor:
    return torch.tensor([0] + [len(each) for each in lists]).cumsum(0)


def record(folder: Path, case: Case) -> None:
    model = load(folder)
    prompts = chosen_prompts(model, case)
    tensors = {"prompts": torch.tensor([i for p in prompts for i in p]), "prompt_offsets": offsets(prompts),
               "new_tokens": torch.tensor([case.new_tokens])}
    for setting in case.settings:
        results = [written(model, prompt, case.new_tokens, **SETTINGS[setting]) for prompt in prompts]
        texts = [ids for several, _ in results for ids in several]
        tensors[f"{setting}.ids"] = torch.tensor([i for ids in texts for i in ids])
        tensors[f"{setting}.offsets"] = offsets(texts)
        if setting.startswith("beams"):
            tensors[f"{setting}.scores"] = torch.tensor([score for _, scores in results for score in scores])
    save_file(tensors, folder / "generation.safetensors")


def make(folder: Path) -> None:
    for name, case in CASES.items():
        record(folder / name, case)
