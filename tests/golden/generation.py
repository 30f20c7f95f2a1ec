"""What transformers writes behind prompts of unequal length, each alone, on the tiny causal models.

generation.safetensors in a model's folder: `prompts` [n] and `prompt_offsets`; for each setting NAME of SETTINGS
`NAME.ids` and `NAME.offsets`, the tokens written behind each prompt, end-of-sequence token included where it came, and
for beams `NAME.scores`, the score of the best beam.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

PROMPTS, NEW_TOKENS = 10, 20

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
}


def written(model, prompt: list[int], **settings) -> tuple[list[int], float]:
    out = model.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.int64), do_sample=False,
        max_new_tokens=NEW_TOKENS, return_dict_in_generate=True, output_scores=True, **settings)
    ids = out.sequences[0, len(prompt):].tolist()
    return ids, float(out.sequences_scores[0]) if "num_beams" in settings else 0.0


def chosen_prompts(model, seed: int) -> list[list[int]]:
    """Half of them such that the end-of-sequence token is written."""
    generator = torch.Generator().manual_seed(seed)
    end, vocabulary = model.config.eos_token_id, model.config.vocab_size
    ending, other = [], []
    for _ in range(4000):
        length = int(torch.randint(1, 14, (1,), generator=generator))
        prompt = torch.randint(5, vocabulary, (length,), generator=generator).tolist()
        ends = end in written(model, prompt)[0] if len(ending) < PROMPTS // 2 else False
        if ends:
            ending.append(prompt)
        elif len(other) < PROMPTS // 2:
            other.append(prompt)
        if len(ending) + len(other) == PROMPTS:
            return [p for pair in zip(ending, other) for p in pair]
    raise SystemExit("generation.py: too few prompts lead to the end-of-sequence token")


def make(folder: Path) -> None:
    for name, seed in (("llama-tied", 401), ("llama-untied", 402)):
        model = AutoModelForCausalLM.from_pretrained(folder / name, dtype=torch.float32, attn_implementation="eager").eval()
        model.generation_config.pad_token_id = model.config.eos_token_id
        model.generation_config.eos_token_id = model.config.eos_token_id
        prompts = chosen_prompts(model, seed)
        tensors = {
            "prompts": torch.tensor([i for p in prompts for i in p]),
            "prompt_offsets": torch.tensor([0] + [len(p) for p in prompts]).cumsum(0),
        }
        for setting, arguments in SETTINGS.items():
            results = [written(model, prompt, **arguments) for prompt in prompts]
            tensors[f"{setting}.ids"] = torch.tensor([i for ids, _ in results for i in ids])
            tensors[f"{setting}.offsets"] = torch.tensor([0] + [len(ids) for ids, _ in results]).cumsum(0)
            if setting.startswith("beams"):
                tensors[f"{setting}.scores"] = torch.tensor([score for _, score in results])
        save_file(tensors, folder / name / "generation.safetensors")
