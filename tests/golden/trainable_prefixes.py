"""Prompt tuning, prefix tuning and P-tuning on the tiny models: losses, gradients and AdamW steps in float64.

PEFT's own modules are used wherever PEFT supports the method. For PEFT, BERT is a model for feature extraction, and its
prefixes go to the encoder only, as for a classifier. PEFT has no prefixes for an encoder-decoder's encoder or its
cross-attention: there, tokens are prepended to every sequence, and their projected keys and values replaced by the prefix.

No trained tensor is stored: the k-th tensor of a case starts as chirp(k), which the test computes, too.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from peft import PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM, DynamicCache, EncoderDecoderCache

import float64
from encoder_decoders import OUTPUT_LENGTHS
from tiny_models import random_rows

LENGTH, MIDDLE, STEPS = 4, 8, 3
MASK = 4  # of `bert-mlm`, whose sequences end with it


def chirp(k: int, shape) -> torch.Tensor:
    i = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (0.3 * torch.sin(0.1 * i * i + k)).reshape(shape)


def probe(gradient: torch.Tensor) -> torch.Tensor:
    """One number that any wrong element changes."""
    return (gradient.flatten() * torch.arange(gradient.numel(), dtype=torch.float64).cos()).sum()


@dataclass
class Case:
    """`tensors`: the trained ones, in the order of the test; `output()`: what they compute; `scores(ids, outputs)` of a sequence."""

    tensors: list
    output: object
    scores: object


@dataclass
class Family:
    """A tiny model, and how PEFT wraps and runs it. `sizes`: the decoder's, which PEFT must be given. `outputs`: the
    numbers of decoder tokens, including the start token."""

    name: str
    seed: int
    loader: type
    task: str
    sizes: dict
    outputs: list

    def fresh(self, folder: Path):
        """A new model each time, because PEFT modifies it."""
        model = self.loader.from_pretrained(folder / self.name, dtype=torch.float32, attn_implementation="sdpa").eval()
        return float64.lift(model).requires_grad_(False)


FAMILIES = [
    Family("llama-tied", 311, AutoModelForCausalLM, "CAUSAL_LM", {}, []),
    Family("llama-untied", 321, AutoModelForCausalLM, "CAUSAL_LM", {}, []),
    Family("bert-mlm", 331, AutoModelForMaskedLM, "FEATURE_EXTRACTION", {}, []),
    Family("gpt2-tied", 341, AutoModelForCausalLM, "CAUSAL_LM", {}, []),
    Family("t5-plain", 351, AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM",
           {"token_dim": 18, "num_attention_heads": 3, "num_layers": 1}, OUTPUT_LENGTHS),
    Family("t5-gated", 361, AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM",
           {"token_dim": 20, "num_attention_heads": 2, "num_layers": 2}, [1] * len(OUTPUT_LENGTHS)),
    Family("bart", 371, AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM",
           {"token_dim": 24, "num_attention_heads": 4, "num_layers": 2}, OUTPUT_LENGTHS),
]


def decoder_rows(prompt):
    """PEFT's prefixes of an encoder-decoder, except for the order of layers: with several layers, PEFT gives layer l the
    prefix of layer (2 l mod L) in its own layout (which the tests of its adapters check)."""
    return EncoderDecoderCache(prompt, DynamicCache()) if isinstance(prompt, DynamicCache) else prompt


def peft_case(family: Family, model, config, names) -> Case:
    body, head = model, lambda out: out.logits
    if family.task == "FEATURE_EXTRACTION" and isinstance(config, PrefixTuningConfig):
        body, head = model.base_model, lambda out: model.cls(out.last_hidden_state)
    tuned = get_peft_model(body, config).double().eval()
    learned = dict(tuned.prompt_encoder["default"].named_parameters())
    assert sorted(learned) == sorted(names), sorted(learned)
    assert {n for n, p in tuned.named_parameters() if p.requires_grad} == {"prompt_encoder.default." + n for n in names}
    indices = torch.arange(LENGTH)
    if family.task == "SEQ_2_SEQ_LM":
        layers = tuned.get_prompt
        tuned.get_prompt = lambda batch_size: decoder_rows(layers(batch_size))

    def scores(ids, outputs):
        more = {} if outputs is None else {"decoder_input_ids": outputs, "use_cache": False}
        return head(tuned(input_ids=ids, attention_mask=torch.ones_like(ids), **more))[:, -1]

    return Case([learned[name] for name in names], lambda: tuned.prompt_encoder["default"](indices), scores)


LSTM_NAMES = [f"weight_{kind}" if what == "weight" else f"bias_{kind}" for kind in ("ih", "hh") for what in ("weight", "bias")]


def map_names(network: str, *places: int):
    return [f"{network}.{place}.{part}" for place in places for part in ("weight", "bias")]


def peft_cases(family: Family, folder: Path):
    def case(config, names, **options):
        # With one submodule, an encoder-decoder's virtual tokens precede the encoder input only.
        config = config(task_type=family.task, num_virtual_tokens=LENGTH, num_transformer_submodules=1, **options)
        return peft_case(family, family.fresh(folder), config, ["embedding.weight", *names])

    width = family.fresh(folder).get_input_embeddings().embedding_dim
    lstm = [f"lstm_head.{name}_l{layer}{way}" for layer in (0, 1) for way in ("", "_reverse") for name in LSTM_NAMES]
    yield "prompt-tuning", case(PromptTuningConfig, [])
    yield "p-tuning.lstm", case(
        PromptEncoderConfig, map_names("mlp_head", 0, 2) + lstm, encoder_reparameterization_type="LSTM",
        encoder_hidden_size=width // 2, encoder_num_layers=2, encoder_dropout=0.0)
    yield "p-tuning.mlp", case(
        PromptEncoderConfig, map_names("mlp_head", 0, 2, 4), encoder_reparameterization_type="MLP",
        encoder_hidden_size=width)
    yield "prefix.direct", case(PrefixTuningConfig, [], **family.sizes)
    yield "prefix.mlp", case(
        PrefixTuningConfig, map_names("transform", 0, 2), **family.sizes, prefix_projection=True, encoder_hidden_size=MIDDLE)


class RowsInFront:
    """Replaces the keys and values of the first tokens in every attention of an encoder-decoder."""

    def __init__(self, model):
        self.given, self.layers = {}, {"self": 0, "encoder": 0, "cross": 0}
        for name, module in model.named_modules():
            site = "encoder" if "encoder." in name.replace("decoder.", "") else "self"
            if name.endswith(("EncDecAttention", "encoder_attn")):
                site = "cross"
            elif not name.endswith(("SelfAttention", "self_attn")):
                continue
            for place, names in enumerate((("k", "k_proj"), ("v", "v_proj"))):
                projection = next(getattr(module, each) for each in names if hasattr(module, each))
                projection.register_forward_hook(self.replace(site, self.layers[site], place))
            self.layers[site] += 1

    def replace(self, site, layer, place):
        def hook(_, __, out):
            ahead = self.given[site].view(LENGTH, self.layers[site], 2, -1)[:, layer, place]
            return torch.cat((ahead.unsqueeze(0), out[:, LENGTH:]), dim=1)

        return hook


def sites_case(model, network: bool) -> Case:
    """A prefix at each of the three sites, each with its own network or none."""
    front = RowsInFront(model)
    hidden = model.config.d_model
    width = next(module.out_features for name, module in model.named_modules() if name.endswith((".k", ".k_proj")))
    tensors, values = [], {}

    def leaf(*shape):
        tensors.append(torch.zeros(shape, dtype=torch.float64, requires_grad=True))
        return tensors[-1]

    for site in ("self", "encoder", "cross"):
        out = front.layers[site] * 2 * width
        if not network:
            values[site] = (lambda rows: lambda: rows)(leaf(LENGTH, out))
            continue
        rows, first, second = leaf(LENGTH, hidden), (leaf(MIDDLE, hidden), leaf(MIDDLE)), (leaf(out, MIDDLE), leaf(out))
        linear = torch.nn.functional.linear
        values[site] = (lambda rows, first, second: lambda: linear(torch.tanh(linear(rows, *first)), *second))(rows, first, second)

    def scores(ids, outputs):
        front.given = {site: value() for site, value in values.items()}
        ahead = torch.full((1, LENGTH), 5)
        return model(input_ids=torch.cat((ahead, ids), 1), decoder_input_ids=torch.cat((ahead, outputs), 1),
                     use_cache=False).logits[:, -1]

    return Case(tensors, lambda: torch.cat([value() for value in values.values()], dim=1), scores)


def cases(family: Family, folder: Path):
    yield from peft_cases(family, folder)
    if family.task == "SEQ_2_SEQ_LM":
        yield "sites.direct", sites_case(family.fresh(folder), network=False)
        yield "sites.mlp", sites_case(family.fresh(folder), network=True)


def rows_of(family: Family, folder: Path) -> dict:
    config = family.loader.from_pretrained(folder / family.name).config
    ids, offsets = random_rows(config.vocab_size, family.seed)
    generator = torch.Generator().manual_seed(family.seed + 1)
    label_words = torch.randperm(config.vocab_size, generator=generator)[:3]
    rows = {"ids": ids, "offsets": offsets, "label_words": label_words, "labels": torch.arange(len(offsets) - 1) % len(label_words)}
    if family.task == "FEATURE_EXTRACTION":
        ids[offsets[1:] - 1] = MASK
    if family.task == "SEQ_2_SEQ_LM":
        rows["output_offsets"] = torch.tensor([0] + family.outputs).cumsum(0)
        rows["output_ids"] = torch.randint(5, config.vocab_size, (sum(family.outputs),), generator=generator)
        rows["output_ids"][rows["output_offsets"][:-1]] = config.decoder_start_token_id
    return rows


def sequence(rows: dict, side: str, s: int):
    if side + "ids" not in rows:
        return None
    begin, end = (int(rows[side + "offsets"][s + i]) for i in (0, 1))
    return rows[side + "ids"][begin:end].unsqueeze(0)


def train(case: Case, rows: dict) -> dict:
    with torch.no_grad():
        for k, tensor in enumerate(case.tensors):
            assert tensor.dtype == torch.float64
            tensor.copy_(chirp(k, tensor.shape))
    optimizer = torch.optim.AdamW(case.tensors, lr=0.02, weight_decay=0.01, betas=(0.9, 0.999), eps=1e-8)

    def mean_loss():
        """Each example alone, so there is no padding."""
        losses = []
        for s, label in enumerate(rows["labels"].tolist()):
            scores = case.scores(sequence(rows, "", s), sequence(rows, "output_", s))
            assert scores.dtype == torch.float64
            losses.append(cross_entropy(scores[:, rows["label_words"]], torch.tensor([label])))
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


def make(folder: Path) -> None:
    for family in FAMILIES:
        rows = rows_of(family, folder)
        tensors = dict(rows)
        for name, case in cases(family, folder):
            for field, value in train(case, rows).items():
                tensors[f"{name}.{field}"] = value.contiguous()
        save_file(tensors, folder / family.name / "trainable_prefixes.safetensors")
