"""PEFT's prompt tuning on tiny causal models: losses, gradients and AdamW steps in float64."""

from pathlib import Path

import torch
from peft import PromptTuningConfig, TaskType, get_peft_model
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

import float64
from tiny_models import random_rows

VIRTUAL_TOKENS = 5
STEPS = 3


def record(folder: Path, seed: int) -> None:
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    vocabulary, width = base.config.vocab_size, base.config.hidden_size
    config = PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=VIRTUAL_TOKENS)
    model = get_peft_model(float64.lift(base), config).double().eval()
    generator = torch.Generator().manual_seed(seed)
    initial = 0.4 * torch.randn(VIRTUAL_TOKENS, width, generator=generator, dtype=torch.float64)
    ids, offsets = random_rows(vocabulary, seed + 1)
    label_words = torch.randperm(vocabulary, generator=generator)[:3]
    labels = torch.arange(len(offsets) - 1) % len(label_words)
    tensors = {"prompt": initial, "ids": ids, "offsets": offsets, "label_words": label_words, "labels": labels}
    for name, words in (("label_words", label_words), ("full", None)):
        for field, value in train(model, initial, ids, offsets, labels, label_words, restrict=words).items():
            tensors[f"{name}.{field}"] = value
    save_file(tensors, folder / "prompt_tuning.safetensors")


def train(model, initial, ids, offsets, labels, label_words, restrict):
    prompt = model.prompt_encoder["default"].embedding.weight
    prompt.data.copy_(initial)
    assert prompt.dtype == torch.float64 and [n for n, p in model.named_parameters() if p.requires_grad] == [
        "prompt_encoder.default.embedding.weight"
    ]
    optimizer = torch.optim.AdamW([prompt], lr=0.02, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8)
    losses, gradients, prompts = [], [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss(model, ids, offsets, labels, label_words, restrict)
        loss.backward()
        losses.append(loss.detach())
        gradients.append(prompt.grad.clone())
        optimizer.step()
        prompts.append(prompt.detach().clone())
    losses.append(mean_loss(model, ids, offsets, labels, label_words, restrict).detach())
    return {"losses": torch.stack(losses), "gradients": torch.stack(gradients), "prompts": torch.stack(prompts)}


def mean_loss(model, ids, offsets, labels, label_words, restrict):
    """Mean over examples of the cross-entropy at the last position; each example alone, so there is no padding."""
    losses = []
    for s in range(len(offsets) - 1):
        row = ids[offsets[s] : offsets[s + 1]].unsqueeze(0)
        scores = model(input_ids=row, attention_mask=torch.ones_like(row)).logits[:, -1]
        assert scores.dtype == torch.float64
        if restrict is None:
            losses.append(torch.nn.functional.cross_entropy(scores, label_words[labels[s : s + 1]]))
        else:
            losses.append(torch.nn.functional.cross_entropy(scores[:, restrict], labels[s : s + 1]))
    return torch.stack(losses).mean()


def make(folder: Path) -> None:
    record(folder / "llama-tied", 301)
    record(folder / "llama-untied", 302)
    record(folder / "gpt2-tied", 303)
