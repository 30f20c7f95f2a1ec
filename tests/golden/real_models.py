"""Results of transformers with SmolLM2 (GGUF) and MiniLM: values only; ./run setup downloads the models."""

import json
from pathlib import Path

import torch
from gguf import GGUFReader
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoModel, AutoModelForCausalLM

import float64
from chat_formats import CHAT
from tiny_models import check_rounding

GGUF = Path("SmolLM2-135M-Instruct.Q4_1.gguf")
MINILM = Path("minilm")

SENTENCES = [
    "The capital of France is",
    "Review: a warm, funny and quietly devastating film.\nOverall, it was",
    "In 1969, 3 astronauts flew 384400 km to",
    "Once",
    "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
    "Der Film war schön, aber 很长, naïve et… trop cher 🎬 for what it",
]

REVIEWS = [
    ("a gripping, beautifully acted thriller that never lets go", 1),
    ("dull, lifeless and about forty minutes too long", 0),
    ("one of the year's best pictures", 1),
    ("the jokes fall flat and the plot makes no sense", 0),
    ("a charming little comedy with a big heart", 1),
    ("i wanted to walk out after ten minutes", 0),
    ("the performances are superb from start to finish", 1),
    ("a lazy sequel that exists only to sell toys", 0),
    ("moving without ever becoming sentimental", 1),
    ("neither scary nor funny, just tedious", 0),
    ("it's a delight to watch these two together", 1),
    ("badly written, badly directed, badly lit", 0),
    ("an honest and surprisingly tender portrait of grief", 1),
    ("the worst kind of hollywood nonsense", 0),
    ("smart, fast and very, very funny", 1),
    ("a promising idea wasted on a clumsy script", 0),
    ("i left the cinema smiling", 1),
    ("not nearly as clever as it thinks it is", 0),
    ("flawed, but too full of life to dislike", 1),
    ("there is nothing here you haven't seen done better", 0),
]

TEMPLATES = [
    ("Review: {text}\nOverall, it was", [" terrible", " great"]),
    ("Review: {text}\nSentiment:", [" negative", " positive"]),
]


def tokenizer_of(path: Path) -> Tokenizer:
    """Byte-level BPE of the file's vocabulary and merges, with its split rule `smollm`: digits one by one."""
    fields = GGUFReader(path).fields
    contents = lambda name: fields[name].contents()
    assert contents("tokenizer.ggml.model") == "gpt2" and contents("tokenizer.ggml.pre") == "smollm"
    tokens = contents("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in contents("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = 3
    kinds = contents("tokenizer.ggml.token_type")
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == control])
    return tokenizer


def load_smollm2(path: Path):
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="sdpa").eval()
    theta = float(GGUFReader(path).fields["llama.rope.freq_base"].contents())
    assert model.config.rope_parameters["rope_theta"] == theta, model.config.rope_parameters
    assert model.get_input_embeddings().weight.data_ptr() == model.get_output_embeddings().weight.data_ptr()
    return model


def check_it_speaks(model, tokenizer: Tokenizer) -> None:
    """If the rows of the query and key weights are permuted wrongly at load, the model runs but generates nonsense."""
    row = torch.tensor([tokenizer.encode(SENTENCES[0]).ids])
    out = model.generate(row, attention_mask=torch.ones_like(row), max_new_tokens=8, do_sample=False)
    text = tokenizer.decode(out[0, row.shape[1] :].tolist())
    print(f"SmolLM2 continues {SENTENCES[0]!r} with {text!r}")
    assert "Paris" in text, text


@torch.inference_mode()
def last_position(model, ids: list[int]):
    out = model(input_ids=torch.tensor([ids]), output_hidden_states=True, logits_to_keep=1, use_cache=False)
    return out.logits[0, -1].double(), out.hidden_states[-1][0, -1].double()


def pack(rows: list[list[int]]):
    offsets = torch.tensor([0] + [len(row) for row in rows]).cumsum(0)
    return torch.tensor([i for row in rows for i in row]), offsets


def record_sentences(model, tokenizer: Tokenizer, path: Path) -> None:
    rows = [tokenizer.encode(text).ids for text in SENTENCES]
    generator = torch.Generator().manual_seed(401)
    watched = torch.randperm(model.config.vocab_size, generator=generator)[:50].sort().values
    results = [last_position(model, row) for row in rows]
    logits = torch.stack([r[0] for r in results])
    normaliser = torch.logsumexp(logits, dim=-1)
    ids, offsets = pack(rows)
    save_file({
        "ids": ids, "offsets": offsets, "watched_ids": watched,
        "log_probs": (logits[:, watched] - normaliser[:, None]).float(), "logsumexp": normaliser.float(),
        "best_ids": logits.argmax(-1), "best_log_probs": (logits.max(-1).values - normaliser).float(),
        "hidden": torch.stack([r[1] for r in results]).float(),
    }, path)


def record_label_words(model, tokenizer: Tokenizer, path: Path) -> None:
    templates = []
    for template, words in TEMPLATES:
        word_ids = [tokenizer.encode(word).ids for word in words]
        assert all(len(ids) == 1 for ids in word_ids), (words, word_ids)
        word_ids = [ids[0] for ids in word_ids]
        rows, correct = [], 0
        for text, label in REVIEWS:
            ids = tokenizer.encode(template.replace("{text}", text)).ids
            log_probs = torch.log_softmax(last_position(model, ids)[0], -1)[word_ids]
            rows.append({"text": text, "label": label, "ids": ids, "log_probs": [round(x, 6) for x in log_probs.tolist()]})
            correct += int(log_probs.argmax()) == label
        print(f"{template!r}: {correct} of {len(rows)} right")
        templates.append({"template": template, "words": words, "word_ids": word_ids, "correct": correct, "rows": rows})
    lines = ["["]
    for t, template in enumerate(templates):
        head = json.dumps({k: v for k, v in template.items() if k != "rows"}, ensure_ascii=False)[:-1]
        lines.append(head + ', "rows": [')
        lines += [json.dumps(row, ensure_ascii=False) + "," for row in template["rows"]]
        lines[-1] = lines[-1][:-1]
        lines.append("]}" + ("," if t + 1 < len(templates) else ""))
    path.write_text("\n".join(lines + ["]"]) + "\n")


def record_chat(tokenizer: Tokenizer, gguf: Path, path: Path) -> None:
    """A chat as transformers renders it with the template in the file, and its ids."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    written = fast.apply_chat_template(CHAT, chat_template=GGUFReader(gguf).fields["tokenizer.chat_template"].contents(),
                                       tokenize=False, add_generation_prompt=True)
    path.write_text(json.dumps({"chat": CHAT, "written": written, "ids": tokenizer.encode(written).ids}, indent=1) + "\n")


@torch.inference_mode()
def record_minilm(folder: Path, path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval().double()
    rows = [tokenizer.encode(text).ids for text in SENTENCES]
    hidden = [model(input_ids=torch.tensor([row])).last_hidden_state[0] for row in rows]
    ids, offsets = pack(rows)
    save_file({
        "ids": ids, "offsets": offsets,
        "mean": torch.stack([h.mean(0) for h in hidden]).float(),
        "first": torch.stack([h[0] for h in hidden]).float(),
    }, path)


def make(folder: Path, models_folder: Path) -> None:
    path = models_folder / GGUF
    tokenizer = tokenizer_of(path)
    model = load_smollm2(path)
    check_it_speaks(model, tokenizer)
    single = last_position(model, tokenizer.encode(SENTENCES[1]).ids)
    float64.lift(model)
    double = last_position(model, tokenizer.encode(SENTENCES[1]).ids)
    check_rounding("SmolLM2", double, single)
    record_sentences(model, tokenizer, folder / "smollm2.safetensors")
    record_label_words(model, tokenizer, folder / "smollm2_label_words.json")
    record_chat(tokenizer, path, folder / "smollm2_chat.json")
    record_minilm(models_folder / MINILM, folder / "minilm.safetensors")
    (folder / "sentences.json").write_text(json.dumps(SENTENCES, indent=1, ensure_ascii=False) + "\n")
