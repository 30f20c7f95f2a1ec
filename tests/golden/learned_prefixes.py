"""Prefix tuning and P-tuning on the tiny models: losses, gradients and AdamW steps in float64.

Llama: PEFT's own modules where their architecture is the papers' (prefix tuning with and without its network, P-tuning's
LSTM). P-tuning's MLP has three linear maps in PEFT and two in the paper: it is composed here. BERT: transformers takes no
past for it, so prefixes are put in front of keys and values where attention is computed.

Nothing that is learned is stored: the k-th tensor of a case starts as chirp(k), which the test computes, too.
"""

from pathlib import Path

import torch
from peft import PrefixTuningConfig, PromptEncoderConfig, TaskType, get_peft_model
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from transformers import AttentionInterface, AutoModelForCausalLM, AutoModelForMaskedLM
from transformers.integrations.sdpa_attention import sdpa_attention_forward

import float64_llama
from tiny_models import random_rows

LENGTH, MIDDLE, STEPS = 4, 8, 3


def chirp(k: int, shape) -> torch.Tensor:
    i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (0.3 * torch.sin(0.1 * i * i + k)).reshape(shape)


def probe(gradient: torch.Tensor) -> torch.Tensor:
    """One number that any wrong element changes."""
    return (gradient.flatten() * torch.arange(gradient.numel(), dtype=torch.float64).cos()).sum()


def linear(x, weight, bias):
    return torch.nn.functional.linear(x, weight, bias)


def mlp_tensors(rows_width: int, middle: int, out: int):
    return [(LENGTH, rows_width), (middle, rows_width), (middle,), (out, middle), (out,)]


class Case:
    """`tensors`, what is learned, in the order of the test; `output()`, what they come to; `scores(ids)` of a row."""

    def __init__(self, tensors, output, scores):
        self.tensors, self.output, self.scores = tensors, output, scores


def peft_case(model, config, names):
    """A fresh model: PEFT changes the one that it is given."""
    tuned = get_peft_model(model, config).double().eval()
    learned = dict(tuned.prompt_encoder["default"].named_parameters())
    assert sorted(learned) == sorted(names), sorted(learned)
    assert {n for n, p in tuned.named_parameters() if p.requires_grad} == {"prompt_encoder.default." + n for n in names}
    indices = torch.arange(LENGTH)
    return Case(
        [learned[name] for name in names],
        lambda: tuned.prompt_encoder["default"](indices.unsqueeze(0)).squeeze(0),
        lambda ids: tuned(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -1],
    )


def leaves(shapes):
    return [torch.zeros(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def embedded_case(model, tensors, output):
    """The rows of `output` in front of the word embeddings."""
    table = model.get_input_embeddings()

    def scores(ids):
        return model(inputs_embeds=torch.cat((output().unsqueeze(0), table(ids)), dim=1)).logits[:, -1]

    return Case(tensors, output, scores)


in_front: dict = {}


def prefixed_attention(module, query, key, value, attention_mask, **rest):
    layer = next(i for i, each in enumerate(in_front["layers"]) if each.attention.self is module)
    ahead = in_front["values"].view(LENGTH, len(in_front["layers"]), 2, key.shape[1], key.shape[3])[:, layer]
    ahead = ahead.permute(1, 2, 0, 3).unsqueeze(1)  # [2, 1, heads, LENGTH, head_dim]
    assert attention_mask is None
    return sdpa_attention_forward(module, query, torch.cat((ahead[0], key), 2), torch.cat((ahead[1], value), 2), None, **rest)


def prefixed_bert_case(model, tensors, output):
    AttentionInterface.register("prefixed", prefixed_attention)
    model.set_attn_implementation("prefixed")

    def scores(ids):
        in_front.update(layers=model.bert.encoder.layer, values=output())
        positions = torch.arange(LENGTH, LENGTH + ids.shape[1]).unsqueeze(0)
        return model(input_ids=ids, position_ids=positions).logits[:, -1]

    return Case(tensors, output, scores)


LSTM_NAMES = [f"weight_{kind}" if what == "weight" else f"bias_{kind}" for kind in ("ih", "hh") for what in ("weight", "bias")]


def lstm_names(prefix: str):
    return [prefix + name + f"_l{layer}" + way for layer in (0, 1) for way in ("", "_reverse") for name in LSTM_NAMES]


def llama_cases(folder: Path):
    def fresh():
        base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
        return float64_llama.lift(base)

    width = fresh().config.hidden_size
    common = {"task_type": TaskType.CAUSAL_LM, "num_virtual_tokens": LENGTH}
    yield "prefix.direct", peft_case(fresh(), PrefixTuningConfig(**common), ["embedding.weight"])
    yield "prefix.mlp", peft_case(
        fresh(), PrefixTuningConfig(**common, prefix_projection=True, encoder_hidden_size=MIDDLE),
        ["embedding.weight", "transform.0.weight", "transform.0.bias", "transform.2.weight", "transform.2.bias"])
    yield "p-tuning.lstm", peft_case(
        fresh(),
        PromptEncoderConfig(**common, encoder_reparameterization_type="LSTM", encoder_hidden_size=width // 2,
                            encoder_num_layers=2, encoder_dropout=0.0),
        ["embedding.weight"] + lstm_names("lstm_head.")
        + ["mlp_head.0.weight", "mlp_head.0.bias", "mlp_head.2.weight", "mlp_head.2.bias"])
    yield "p-tuning.mlp", embedded_case(fresh(), *two_linears(width))


def two_linears(width: int):
    tensors = leaves(mlp_tensors(width, width, width))
    return tensors, lambda: linear(torch.relu(linear(tensors[0], *tensors[1:3])), *tensors[3:])


def lstm_and_mlp(width: int):
    lstm = torch.nn.LSTM(width, width // 2, num_layers=2, bidirectional=True, batch_first=True).double()
    rows, *rest = leaves(mlp_tensors(width, width, width))
    tensors = [rows] + [getattr(lstm, name) for name in lstm_names("")] + rest
    return tensors, lambda: linear(torch.relu(linear(lstm(rows.unsqueeze(0))[0].squeeze(0), *rest[:2])), *rest[2:])


def bert_cases(folder: Path):
    def fresh():
        model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval().double()
        return model.requires_grad_(False)

    config = fresh().config
    out = config.num_hidden_layers * 2 * config.hidden_size
    direct = leaves([(LENGTH, out)])
    yield "prefix.direct", prefixed_bert_case(fresh(), direct, lambda: direct[0])
    network = leaves(mlp_tensors(6, MIDDLE, out))
    yield "prefix.mlp", prefixed_bert_case(
        fresh(), network, lambda: linear(torch.tanh(linear(network[0], *network[1:3])), *network[3:]))
    yield "p-tuning.lstm", embedded_case(fresh(), *lstm_and_mlp(config.hidden_size))
    yield "p-tuning.mlp", embedded_case(fresh(), *two_linears(config.hidden_size))


def train(case: Case, ids, offsets, labels, label_words):
    with torch.no_grad():
        for k, tensor in enumerate(case.tensors):
            assert tensor.dtype == torch.float64
            tensor.copy_(chirp(k, tensor.shape))
    optimizer = torch.optim.AdamW(case.tensors, lr=0.02, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8)

    def mean_loss():
        """Each example alone, so there is no padding."""
        losses = []
        for s in range(len(offsets) - 1):
            scores = case.scores(ids[offsets[s] : offsets[s + 1]].unsqueeze(0))
            assert scores.dtype == torch.float64
            losses.append(cross_entropy(scores[:, label_words], labels[s : s + 1]))
        return torch.stack(losses).mean()

    losses, probes, first = [], [], case.output().detach().clone()
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss()
        loss.backward()
        losses.append(loss.detach())
        probes.append(torch.stack([probe(tensor.grad) for tensor in case.tensors]))
        optimizer.step()
    losses.append(mean_loss().detach())
    outputs = torch.stack([first, case.output().detach()])
    return {"losses": torch.stack(losses), "probes": torch.stack(probes), "outputs": outputs}


def record(folder: Path, cases, seed: int) -> None:
    tensors = {}
    for name, case in cases(folder):
        if not tensors:
            config = AutoModelForCausalLM.from_pretrained(folder).config if cases is llama_cases else None
            vocabulary = (config or AutoModelForMaskedLM.from_pretrained(folder).config).vocab_size
            ids, offsets = random_rows(vocabulary, seed)
            generator = torch.Generator().manual_seed(seed + 1)
            label_words = torch.randperm(vocabulary, generator=generator)[:3]
            labels = torch.arange(len(offsets) - 1) % len(label_words)
            tensors.update(ids=ids, offsets=offsets, label_words=label_words, labels=labels)
        for field, value in train(case, ids, offsets, labels, label_words).items():
            tensors[f"{name}.{field}"] = value.contiguous()
    save_file(tensors, folder / "learned_prefixes.safetensors")


def make(folder: Path) -> None:
    record(folder / "llama-tied", llama_cases, 311)
    record(folder / "llama-untied", llama_cases, 321)
    record(folder / "bert-mlm", bert_cases, 331)
