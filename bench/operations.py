"""How many floating-point operations the matrix products of a piece of work need: counted from the model's shapes, and from what the
program says with `--json` that it forwarded. A multiply-add counts as two. Everything else (norms, softmax, rotation) counts as none, and
so does what is computed twice, such as the probabilities of attention that a backward pass computes again."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Shape:
    """Widths of the matrices of a model: `queries` is heads x head size, `keys` that of keys, and of values."""

    layers: int
    hidden: int
    queries: int
    keys: int
    intermediate: int
    feed_forward: int  # matrices in it: 3 with a gate, else 2
    vocabulary: int
    causal: bool

    @classmethod
    def of(cls, folder: Path) -> "Shape":
        """Of a model in Hugging Face layout, of the families that are measured here."""
        c = json.loads((folder / "config.json").read_text())
        if c["model_type"] not in ("llama", "bert"):
            raise SystemExit(f"bench: {folder} is of the family {c['model_type']}, whose operations are not counted; expected llama or bert")
        causal = c["model_type"] == "llama"
        heads = c["num_attention_heads"]
        size = c.get("head_dim") or c["hidden_size"] // heads
        return cls(c["num_hidden_layers"], c["hidden_size"], heads * size, c.get("num_key_value_heads", heads) * size,
                   c["intermediate_size"], 3 if causal else 2, c["vocab_size"], causal)


@dataclass(frozen=True)
class Work:
    """`tokens` go through all layers, of which the last one needs only keys and values of those that are not `selected` (whose outputs
    are wanted). `pairs`: of a query and a key that it sees, in each layer but the last, and `selected_pairs` in the last one."""

    tokens: int
    selected: int
    logits: int
    pairs: float
    selected_pairs: float
    trained: bool = False  # with gradients with respect to inputs, and none of weights


def operations(shape: Shape, work: Work) -> float:
    query, key_value = shape.hidden * shape.queries, 2 * shape.hidden * shape.keys
    rest = shape.queries * shape.hidden + shape.feed_forward * shape.hidden * shape.intermediate  # output projection of attention, feed-forward
    products = ((shape.layers - 1) * work.tokens * (query + key_value + rest) + work.tokens * key_value + work.selected * (query + rest)
                + work.logits * shape.hidden)
    attention = 2 * shape.queries * ((shape.layers - 1) * work.pairs + work.selected_pairs)  # scores, and the sum of values
    # Backward, a product with a frozen matrix is one product, and each of attention's two is two.
    return 2 * (products * 2 + attention * 3 if work.trained else products + attention)


@dataclass(frozen=True)
class Prompts:
    """The lengths of prompts in tokens, of which the first `shared` ones are the same in all of them."""

    lengths: list[int]
    shared: int
    causal: bool

    @classmethod
    def of(cls, ids: list[list[int]], causal: bool) -> "Prompts":
        """Only in a causal model what prompts begin with is computed once. Each keeps a token of its own."""
        shared = 0
        if causal:
            while all(len(row) > shared + 1 and row[shared] == ids[0][shared] for row in ids):
                shared += 1
        return cls([len(row) for row in ids], shared, causal)

    def _pairs(self, length: int) -> float:
        return length * (length + 1) / 2 if self.causal else length**2

    def work(self, counters: dict, rows: int, prefixes: int = 1, trained: bool = False) -> Work:
        """`rows` of these prompts (which are taken to be as long as all are on average), with one selected token each; what they begin
        with is computed `prefixes` times. `counters`: what the program printed."""
        count, before = len(self.lengths), self._pairs(self.shared) if self.causal else 0
        pairs = sum(self._pairs(length) - before for length in self.lengths) / count * rows + before * prefixes
        return Work(counters["tokens_forwarded"], rows, counters["logits_computed"], pairs, sum(self.lengths) / count * rows, trained)

    def generated(self, counters: dict, vocabulary: int) -> Work:
        """All prompts at once, then a token of each at every step, which sees what is cached of its text, and itself."""
        first = self.work(counters, len(self.lengths))
        selected = counters["logits_computed"] // vocabulary
        seen = counters["tokens_from_cache"] + selected - len(self.lengths)
        return Work(first.tokens, selected, first.logits, first.pairs + seen, first.selected_pairs + seen)
