"""Recreates the golden files of this folder: small tokenizers of each kind, and the results of the `tokenizers` package
with them.

The tokenizers are trained on text that this script generates. For each text of a list of difficult ones
(texts.json, in hexadecimal) NAME.golden.json has the results of NAME.json: ids, byte offsets, decoded text; with special
tokens taken as plain text, and, where that differs, with special tokens. For tokenizers that are not in this
repository (SmolLM2's, MiniLM's, the template cases') only the golden file is written, and only if they are found.

    python tests/golden/tokenizer/make_tokenizer_golden.py

Needs tokenizers==0.23.3 (Unicode tables differ between versions), sentencepiece, and gguf for SmolLM2.

This file is longer than others because it lists the tokenizers and texts, one after another.
"""

import json
import os
import pathlib
import random
from collections import Counter

import sentencepiece_models
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")

# The last texts are not UTF-8; the package gets the result of Python's "replace", which follows WHATWG.
TEXTS = [
    text if isinstance(text, bytes) else text.encode()
    for text in [
        "",
        " ",
        "a",
        "hello world",
        "Hello, World! It's what I'LL say; we've won't they'd She'S",
        "the theater is there, then the other thing they gather",
        "日本語のテキスト 中文字符，標點。",
        "한국어 문장 \u1100\u1161\u11a8 각",
        "مرحبا بالعالم، كيف الحال؟ ١٢٣",
        "שָׁלוֹם עולם",
        "नमस्ते हिन्दी ไทยภาษา",
        "Привет, Мир! ΑΣΣ ΟΔΟΣ σς Ǆ ǅ",
        "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ emoji",
        "café cafe\u0301 ñ n\u0303 İstanbul ıI ß ẞ Å Å",
        "a" + "\u0301\u0323\u0344" * 60 + "\u0301 e" + "\u0302" * 150,
        "q\u0323\u0307 q\u0307\u0323 \u0301\u0302abc\u0327\u0301",
        "ﬁ ﬀ ㎏ ½ ⅷ ² ㍿ ﷺ",
        "a\u200bb\u200dc\ufeffd\u00ade\u2060f\u061cg",
        "\x00\x01\x07\x1b[0m\x7f\x85\x9f\ufffd\ue000\U000f0000",
        "x" * 99 + " " + "x" * 100 + " " + "x" * 101 + " " + "ab" * 150,
        "é" * 120,
        "a\tb\r\nc\n\n  d   \t e\r\r\n \n x\n",
        "  leading and trailing  ",
        "a  b\u00a0c\u3000d\u2028e\u2029f\u0085g\u180eh",
        "\t\n \r\n",
        "[CLS] one [SEP] two [MASK][PAD] [UNK]s [sep] <s></s><mask>  <pad>",
        "left   <mask>   right<|endoftext|>x <|im_end|>\n<|im_start|>user",
        "<| endoftext |> [MA SK] <|im_en",
        "Newword newword newwords anewword wholeword wholewords awholeword wholeword, [left]  [right]  end [ both ] ",
        "caféx CAFÉX cafe\u0301x ÉTÉ",
        "1234567890 12 3.14 1,000,000 a1b22c333 ½3 ٣٤٥ Ⅷ² 𝟘𝟙",
        "it's 'S 'ſ x'Re ''ll 'tis 'dog o'clock ' 's  's",
        "_under_score-dash https://example.com/?q=1&x=%20#frag $5 +1 <=> a|b ~x `y`",
        "𝕳𝖊𝖑𝖑𝖔 𐍈 𒀀 𓀀",
        "wörld\u0308 \u0e33 \u0f77 \u1e9b\u0323 \u212b",
        "¡Hola! ¿Qué tal? «oui» “quoted” ‘single’ — en–dash…",
        "\u1885\u1886 \ua9bd \u1734 \u166d \U000111c9 \u1cf2 \u08e2 \u2e52",
        "\u1c89 \ua7cb \ua7da \U00010d50 \U00016ea0 \U00010d41 \U00011de1 \U000116d1x",
        "word" * 40,
        "  \u00a0\u00a0 \u2003 x",
        "....!!??--==++ ,,a,,b ((c)) [d] {e}",
        "▁metaspace ▁▁ in text▁",
        "Ġbyte Ċ level ĉ letters",
        "<0x41><0xZZ> <0x0A>",
        b"\xff\xfeab",
        b"end\xe2\x82",
        b"a\xf0\x9f\x92b\xc0\xafc\xed\xa0\x80d",
        b"\xf4\x90\x80\x80 \xf8\x88\x80\x80\x80",
        b"\x80" * 5 + b" x\xe2",
    ]
]


def training_text(seed=7):
    chance = random.Random(seed)
    syllables = "th e an in er on re at ing ed es or ti is en al ar st to nt ch qu ou ment ver".split()
    words = ["".join(chance.choices(syllables, k=chance.choice([1, 1, 2, 2, 3]))) for _ in range(300)]
    words += "don't it's I'll we've 2024 1999 3.14 café naïve über Straße Привет мир 日本 中文 world hello".split()
    for _ in range(400):
        line = " ".join(chance.choices(words, k=12)).capitalize()
        yield line + chance.choice([".", "!", "?", ",\n", ";  ", "\t"])


def add(tokenizer, tokens):
    for token in tokens:
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])


def trained(model, trainer, **parts):
    tokenizer = Tokenizer(model)
    added = parts.pop("added", [])
    post_processor = parts.pop("post_processor", None)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    tokenizer.train_from_iterator(list(training_text()), trainer)
    add(tokenizer, added)
    if post_processor:
        tokenizer.post_processor = post_processor(tokenizer.token_to_id)
    return tokenizer


BERT_SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ADDED = [
    AddedToken("newword"),
    AddedToken("wholeword", single_word=True),
    AddedToken("[left]", lstrip=True, normalized=False),
    AddedToken("[right]", rstrip=True, normalized=False),
    AddedToken("[ both ]", lstrip=True, rstrip=True, special=True, normalized=True),
    AddedToken("CAFÉx", normalized=True),
]


def bert(cased):
    """Its pieces are the most frequent beginnings and endings of words (the package's trainer for WordPiece gives
    another vocabulary in every run)."""
    normalizer, pre_tokenizer = normalizers.BertNormalizer(lowercase=not cased), pre_tokenizers.BertPreTokenizer()
    characters, fragments = set(), Counter()
    for line in training_text():
        for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(line)):
            characters.update(word)
            fragments.update(word[:end] for end in range(2, len(word) + 1))
            fragments.update("##" + word[begin:] for begin in range(1, len(word) - 1))
    pieces = BERT_SPECIALS + sorted(characters) + ["##" + character for character in sorted(characters)]
    pieces += sorted(fragments, key=lambda fragment: (-fragments[fragment], fragment))[:350]
    tokenizer = Tokenizer(models.WordPiece({piece: id for id, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.WordPiece(cleanup=not cased)
    tokenizer.add_special_tokens(BERT_SPECIALS)
    add(tokenizer, ADDED)
    cls, sep = ("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))
    tokenizer.post_processor = (
        processors.BertProcessing(sep, cls)
        if cased
        else processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [cls, sep])
    )
    return tokenizer


def byte_level(pre_tokenizer, specials, post_processor=None, model=None, **parts):
    return trained(
        model or models.BPE(),
        trainers.BpeTrainer(
            vocab_size=600,
            special_tokens=specials,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
        pre_tokenizer=pre_tokenizer,
        decoder=decoders.ByteLevel(),
        post_processor=post_processor,
        **parts,
    )


def roberta():
    def post_processor(token_to_id):
        return processors.RobertaProcessing(("</s>", token_to_id("</s>")), ("<s>", token_to_id("<s>")))

    tokenizer = byte_level(
        pre_tokenizers.ByteLevel(add_prefix_space=True),
        ["<s>", "<pad>", "</s>", "<unk>"],
        post_processor,
        added=[AddedToken("<mask>", lstrip=True, special=True)] + ADDED,
    )
    return tokenizer


def llama3():
    def post_processor(token_to_id):
        name = "<|begin_of_text|>"
        return processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=False),
                processors.TemplateProcessing(f"{name} $A", None, [(name, token_to_id(name))]),
            ]
        )

    return byte_level(
        pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(LLAMA3), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        ),
        ["<|begin_of_text|>", "<|end_of_text|>"],
        post_processor,
        model=models.BPE(ignore_merges=True),
    )


def falcon():
    return byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Punctuation("contiguous"),
                pre_tokenizers.ByteLevel(add_prefix_space=False),
                pre_tokenizers.Digits(individual_digits=False),
                pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated"),
            ]
        ),
        ["<|endoftext|>"],
    )


def llama2():
    """Characters with byte fallback; spaces as U+2581."""
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    base = trained(
        models.BPE(),
        trainers.BpeTrainer(vocab_size=400, show_progress=False),
        normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
    )
    model = json.loads(base.to_str())["model"]
    for piece, _ in sorted(model["vocab"].items(), key=lambda item: item[1]):
        vocabulary.setdefault(piece, len(vocabulary))
    tokenizer = Tokenizer(
        models.BPE(vocabulary, [tuple(merge) for merge in model["merges"]], unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    add(tokenizer, ADDED[:4])
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", 1)])
    return tokenizer


def t5():
    model = sentencepiece_models.unigram(line.strip() for line in training_text())
    sentinels = [f"<extra_id_{number}>" for number in range(3, -1, -1)]
    tokenizer = Tokenizer(models.Unigram(sentencepiece_models.pieces(model) + [(name, 0.0) for name in sentinels], unk_id=2))
    tokenizer.normalizer = normalizers.Precompiled(sentencepiece_models.character_map(model))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"] + sentinels)
    add(tokenizer, ADDED[:4])
    tokenizer.post_processor = processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    return tokenizer


def unigram_with_bytes():
    """Byte fallback, spaces at the end stripped and runs of them marked once, as transformers converts SentencePiece
    files."""
    model = sentencepiece_models.unigram(line.strip() for line in training_text())
    vocabulary = sentencepiece_models.pieces(model) + [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=2, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(sentencepiece_models.character_map(model)),
            normalizers.Strip(left=False, right=True),
            normalizers.Replace(Regex(" {2,}"), "▁"),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    return tokenizer


def characters_with_unknown(fuse):
    """Characters without byte fallback: what is not in the vocabulary is unknown."""
    tokenizer = trained(
        models.BPE(unk_token="<unk>", fuse_unk=fuse),
        trainers.BpeTrainer(vocab_size=250, special_tokens=["<unk>"], show_progress=False),
        normalizer=normalizers.Sequence([normalizers.NFKC(), normalizers.Strip(), normalizers.Lowercase()]),
        pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first"),
        decoder=decoders.Metaspace(prepend_scheme="first"),
    )
    return tokenizer


def words_only(pre_tokenizer, normalizer=None):
    """Every word is unknown, so that the offsets show where it was split."""
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]", max_input_chars_per_word=0))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    return tokenizer


def bytes_only(normalizer):
    """One token per byte, so that decoding shows the output of the normalizer."""
    tokenizer = Tokenizer(
        models.BPE({letter: id for id, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, [])
    )
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def tokenizers():
    split = pre_tokenizers.Split
    made = {
        "bert-uncased": bert(cased=False),
        "bert-cased": bert(cased=True),
        "gpt2": byte_level(
            pre_tokenizers.ByteLevel(add_prefix_space=False),
            ["<|endoftext|>"],
            lambda token_to_id: processors.ByteLevel(trim_offsets=True),
            added=ADDED,
        ),
        "roberta": roberta(),
        "smollm": byte_level(
            pre_tokenizers.Sequence(
                [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
            ),
            ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        ),
        "llama3": llama3(),
        "qwen2": byte_level(
            pre_tokenizers.Sequence(
                [split(Regex(QWEN2), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
            ),
            ["<|endoftext|>"],
            normalizer=normalizers.NFC(),
        ),
        "falcon": falcon(),
        "llama2": llama2(),
        "t5": t5(),
        "unigram-bytes": unigram_with_bytes(),
        "unknown-fused": characters_with_unknown(fuse=True),
        "unknown-single": characters_with_unknown(fuse=False),
        "words-bert": words_only(pre_tokenizers.BertPreTokenizer()),
        "words-whitespace": words_only(pre_tokenizers.Whitespace()),
        "words-whitespace-split": words_only(pre_tokenizers.WhitespaceSplit()),
        "words-digits": words_only(pre_tokenizers.Digits(individual_digits=False)),
        "words-gpt2-regex": words_only(split(Regex(GPT2), "isolated")),
        "words-byte-level": words_only(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "words-metaspace-always": words_only(pre_tokenizers.Metaspace(prepend_scheme="always")),
        "words-metaspace-never": words_only(pre_tokenizers.Metaspace(prepend_scheme="never", split=False)),
        "words-split-string": words_only(split(" ", "merged_with_next")),
        "words-split-lookahead": words_only(split(Regex(r"^\w+|\s+(?=\S)|[a-c.]$"), "removed")),
        "words-split-inverted": words_only(split(Regex(r"\w+|[^\w\s]+"), "removed", invert=True)),
    }
    for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
        made["words-punctuation-" + behavior.replace("_", "-")] = words_only(pre_tokenizers.Punctuation(behavior))
        made["words-split-" + behavior.replace("_", "-")] = words_only(split(Regex(r"[\s\p{P}]"), behavior))
    for name, normalizer in {
        "nfc": normalizers.NFC(),
        "nfd": normalizers.NFD(),
        "nfkc": normalizers.NFKC(),
        "nfkd": normalizers.NFKD(),
        "lowercase": normalizers.Lowercase(),
        "accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
        "bert": normalizers.BertNormalizer(),
        "precompiled": normalizers.Precompiled(
            sentencepiece_models.character_map(sentencepiece_models.unigram(line.strip() for line in training_text()))
        ),
        "replace": normalizers.Sequence(
            [normalizers.Replace(Regex("^ +| +$"), ""), normalizers.Replace(Regex(r"\s{2,}"), " "), normalizers.Replace("''", '"')]
        ),
    }.items():
        made["bytes-" + name] = bytes_only(normalizer)
    return made


# Offsets only where ours are meant to equal the package's: not where characters were composed or inserted, nor where
# spaces were trimmed (README.md).
FIELDS = {
    "words": ["begin", "end"],
    "bytes": ["text"],
    "bert-cased": ["ids", "begin", "end", "text"],
    "smollm": ["ids", "begin", "end", "text"],
    "falcon": ["ids", "begin", "end", "text"],
}


def byte_offsets(text, offsets):
    """Character offsets to byte offsets."""
    at = [0]
    for character in text:
        at.append(at[-1] + len(character.encode()))
    return [at[begin] for begin, _ in offsets], [at[end] for _, end in offsets]


def without_special_pieces(tokenizer):
    """For text in which special tokens are plain text. The package's Unigram model still finds them, since they
    are pieces with the best score; ours does not. Here they are renamed to pieces that no text contains."""
    document = json.loads(tokenizer.to_str())
    tokenizer.encode_special_tokens = True
    if document["model"]["type"] != "Unigram":
        return tokenizer
    special = {token["id"] for token in document["added_tokens"] if token["special"]}
    vocabulary = document["model"]["vocab"]
    document["added_tokens"] = [token for token in document["added_tokens"] if token["id"] not in special or token["id"] >= len(vocabulary)]
    document["model"]["vocab"] = [
        [f"\U0010fffd{id}\U0010fffd" if id in special else piece, score] for id, (piece, score) in enumerate(vocabulary)
    ]
    document["post_processor"] = None
    plain = Tokenizer.from_str(json.dumps(document))
    plain.encode_special_tokens = True
    return plain


def expected(tokenizer, given, special, fields):
    text = given.decode("utf-8", "replace")
    tokenizer.encode_special_tokens = False
    encoder = tokenizer if special else without_special_pieces(tokenizer)
    encoding = encoder.encode(text, add_special_tokens=False)
    row = {"ids": encoding.ids, "text": tokenizer.decode(encoding.ids, skip_special_tokens=False)}
    if text.encode() == given:
        row["begin"], row["end"] = byte_offsets(text, encoding.offsets)
    return {field: row[field] for field in fields if field in row}


def smollm2(path):
    """As in SmolLM2: digits one by one, then byte-level. (transformers' conversion of the file loses the
    digits.)"""
    import gguf

    fields = gguf.GGUFReader(path).fields
    pieces, merges, types = (
        fields["tokenizer.ggml." + name].contents() for name in ("tokens", "merges", "token_type")
    )
    vocabulary = {piece: id for id, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [tuple(merge.split(" ")) for merge in merges]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([piece for piece, type in zip(pieces, types) if type == 3])
    return tokenizer


def tokenizers_elsewhere():
    """(name, tokenizer) of those that are found on this machine."""
    for path in (ROOT / ".cache/models").glob("*.gguf"):
        yield "smollm2", smollm2(path)
    path = ROOT / ".cache/models/minilm/tokenizer.json"
    if path.exists():
        tokenizer = Tokenizer.from_file(str(path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        yield "minilm", tokenizer
    shared = pathlib.Path(os.environ.get("CUECARD_SHARED", ROOT.parent / "shared"))
    for name in ("tiny-wordpiece", "tiny-bpe-gpt2", "tiny-bpe-roberta", "tiny-unigram-t5"):
        path = shared / "reference/template_tokenizers" / name / "tokenizer.json"
        if path.exists():
            yield name, Tokenizer.from_file(str(path))


def main():
    def write(name, value):
        (HERE / name).write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")

    def write_golden(name, tokenizer):
        fields = FIELDS.get(name) or FIELDS.get(name.split("-")[0], ["ids", "text"])
        plain = [expected(tokenizer, text, False, fields) for text in TEXTS]
        special = [expected(tokenizer, text, True, fields) for text in TEXTS]
        differs = {str(row): special[row] for row in range(len(TEXTS)) if special[row] != plain[row]}
        write(f"{name}.golden.json", {"plain": plain, "special": differs})
        tokenizer.encode_special_tokens = False

    write("texts.json", [text.hex() for text in TEXTS])
    for name, tokenizer in tokenizers().items():
        write_golden(name, tokenizer)
        write(f"{name}.json", json.loads(tokenizer.to_str()))
    for name, tokenizer in tokenizers_elsewhere():
        write_golden(name, tokenizer)


if __name__ == "__main__":
    main()
