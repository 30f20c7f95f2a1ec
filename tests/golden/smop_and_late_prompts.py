"""SMoP and late prompts on the tiny models, in plain torch, from the papers and their authors' repositories: PEFT has neither.

SMoP (Choi et al. 2023): the embeddings of the input are averaged, a linear router without a bias gives the probabilities of the
prompts, and the most probable prompt, times its probability, precedes the input. No noise.

Late prompts (Liu et al. 2022): the lower layers run on the text alone. Then virtual tokens are placed before its hidden states, and
the other layers see both: the same tokens for every text, or those of the naive prompt generator, a network of two layers on the
mean hidden state of the text (in the authors' code: on that of one token). Positions that are added to word embeddings (gpt2-tied)
are those of the text alone. Distances between tokens (t5-plain) are those of the longer sequence, as in the authors' DeBERTa. The
authors have no rotary model: in llama-tied the virtual tokens have the position of the first token, as in the plugin.

The k-th trained tensor of a case starts as chirp(k), as in trainable_prefixes.py, and every text is run alone.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy, linear
from transformers.modeling_outputs import BaseModelOutput

from trainable_prefixes import FAMILIES, STEPS, chirp, rows_of, sequence

MODELS = ("llama-tied", "gpt2-tied", "t5-plain")
PROMPTS, LENGTH, BOTTLENECK = 3, 2, 5
MARGIN = 1e-4  # between the two best prompts, so that float32 chooses the same one


def leaf(tensors: list, *shape) -> torch.Tensor:
    tensors.append(chirp(len(tensors), shape).requires_grad_())
    return tensors[-1]


@dataclass
class Case:
    """`tensors`: the trained ones, the last `biases` of them without weight decay; `scores(ids, outputs)`: logits of one text;
    `chosen`: the prompts that SMoP's router chose so far."""

    tensors: list
    biases: int
    scores: object
    chosen: set = field(default_factory=set)


def smop_case(model) -> Case:
    tensors, chosen, embed = [], set(), model.get_input_embeddings()
    prompts, router = leaf(tensors, PROMPTS, LENGTH, embed.embedding_dim), leaf(tensors, PROMPTS, embed.embedding_dim)

    def scores(ids, outputs):
        words = embed(ids)
        probabilities = linear(words[0].mean(0), router).softmax(0)
        best = probabilities.topk(2)
        assert best.values[0] - best.values[1] > MARGIN
        chosen.add(int(best.indices[0]))
        prompt = best.values[0] * prompts[best.indices[0]]
        more = {} if outputs is None else {"decoder_input_ids": outputs, "use_cache": False}
        return model(inputs_embeds=torch.cat((prompt[None], words), 1), **more).logits[0, -1]

    return Case(tensors, 0, scores, chosen)


def run_layers(model, layers, hidden: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """`layers` of the stack that reads the text; `positions` are those of rotary models."""
    width = len(positions)
    causal = torch.ones(width, width, dtype=torch.bool).tril()[None, None]
    for layer in layers:
        if model.config.model_type == "llama":
            hidden = layer(hidden, attention_mask=causal, position_embeddings=model.model.rotary_emb(hidden, positions[None]))
        elif model.config.model_type == "gpt2":
            hidden = layer(hidden, attention_mask=causal)
        else:
            bias = model.encoder.block[0].layer[0].SelfAttention.compute_bias(width, width)
            hidden = layer(hidden, position_bias=bias)[0]
    return hidden


def late_case(model, generated: bool) -> Case:
    tensors, hidden_size, kind = [], model.config.hidden_size, model.config.model_type
    if generated:
        down, up = leaf(tensors, BOTTLENECK, hidden_size), leaf(tensors, LENGTH * hidden_size, BOTTLENECK)
        down_bias, up_bias = leaf(tensors, BOTTLENECK), leaf(tensors, LENGTH * hidden_size)
    else:
        prompt = leaf(tensors, LENGTH, hidden_size)
    layers = model.model.layers if kind == "llama" else model.transformer.h if kind == "gpt2" else model.encoder.block
    first = len(layers) - 1 if generated else len(layers) // 2

    def scores(ids, outputs):
        positions = torch.arange(ids.shape[1])
        text = model.get_input_embeddings()(ids)
        if kind == "gpt2":
            text = text + model.transformer.wpe(positions)
        text = run_layers(model, layers[:first], text, positions)
        if generated:
            late = linear(linear(text[0].mean(0), down, down_bias).relu(), up, up_bias).view(LENGTH, hidden_size)
        else:
            late = prompt
        positions = torch.cat((positions.new_zeros(LENGTH), positions))
        hidden = run_layers(model, layers[first:], torch.cat((late[None], text), 1), positions)
        if kind != "t5":
            norm = model.model.norm if kind == "llama" else model.transformer.ln_f
            return model.lm_head(norm(hidden))[0, -1]
        encoded = BaseModelOutput(last_hidden_state=model.encoder.final_layer_norm(hidden))
        return model(encoder_outputs=encoded, decoder_input_ids=outputs, use_cache=False).logits[0, -1]

    return Case(tensors, 2 if generated else 0, scores)


def train(case: Case, rows: dict) -> dict:
    decayed = case.tensors[:len(case.tensors) - case.biases]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01},
                                   {"params": case.tensors[len(decayed):], "weight_decay": 0.0}],
                                  lr=0.02, betas=(0.9, 0.999), eps=1e-8)

    def mean_loss():
        scores = [case.scores(sequence(rows, "", s), sequence(rows, "output_", s)) for s in range(len(rows["labels"]))]
        assert scores[0].dtype == torch.float64
        return cross_entropy(torch.stack(scores)[:, rows["label_words"]], rows["labels"])

    def flat(tensors):
        return torch.cat([tensor.detach().flatten() for tensor in tensors])

    found = {"parameters": [flat(case.tensors)], "losses": [], "gradients": []}
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss()
        loss.backward()
        found["losses"].append(loss.detach())
        found["gradients"].append(flat([tensor.grad for tensor in case.tensors]))
        optimizer.step()
    found["losses"].append(mean_loss().detach())
    found["parameters"].append(flat(case.tensors))
    return {part: torch.stack(values) for part, values in found.items()}


def cases(family, folder: Path):
    yield "smop", smop_case(family.fresh(folder))
    yield "late.fixed", late_case(family.fresh(folder), generated=False)
    yield "late.generated", late_case(family.fresh(folder), generated=True)


def make(folder: Path) -> None:
    for family in FAMILIES:
        if family.name not in MODELS:
            continue
        # Of an encoder-decoder's output the start token alone, as in a cloze prompt.
        rows = rows_of(replace(family, outputs=[1] * len(family.outputs)), folder)
        tensors = dict(rows)
        for name, case in cases(family, folder):
            for part, value in train(case, rows).items():
                tensors[f"{name}.{part}"] = value.contiguous()
            assert name != "smop" or case.chosen == set(range(PROMPTS)), (family.name, case.chosen)
        save_file(tensors, folder / family.name / "smop_and_late_prompts.safetensors")
