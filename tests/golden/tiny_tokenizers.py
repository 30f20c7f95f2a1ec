"""Small tokenizers of the usual kinds, trained on generated text."""

import random
import re
import string
from collections import Counter

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

WORDS = """a an the this that film movie story plot cast actor scene ending script director camera music comedy drama
thriller was is feels looks seems becomes remains never always often hardly quite very rather simply truly almost
great good bad terrible awful boring dull clever funny moving warm cold slow fast bright dark lovely tedious brilliant
weak strong overall review sentiment positive negative answer and but or because although with without about for from
of in on at to it its they we you he she one two three watch see enjoy hate love laugh cry sleep leave return
unwatchable uninspired heartfelt heartwarming disappointing surprisingly unexpectedly delightful""".split()

LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def generated_text(seed: int, lines: int = 600) -> list[str]:
    draw = random.Random(seed)
    text = []
    for _ in range(lines):
        words = [draw.choice(WORDS) for _ in range(draw.randint(4, 14))]
        if draw.random() < 0.3:
            words.insert(draw.randrange(len(words)), str(draw.randint(1, 2030)))
        line = " ".join(words).capitalize() + draw.choice([".", "!", "?", "...", ", it's so."])
        text.append("Review: " + line if draw.random() < 0.2 else line)
    return text


def smollm_like(vocabulary: int) -> Tokenizer:
    """Byte-level BPE, digits one by one, no special tokens added."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    _train_bpe(tokenizer, vocabulary, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], seed=11)
    return tokenizer


def llama3_like(vocabulary: int) -> Tokenizer:
    """Byte-level BPE with Llama 3's split pattern and a beginning-of-text token before every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA3_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    _train_bpe(tokenizer, vocabulary, ["<|begin_of_text|>", "<|end_of_text|>"], seed=12)
    first = "<|begin_of_text|>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A", pair=f"{first} $A {first}:1 $B:1", special_tokens=[(first, 0)]
    )
    return tokenizer


def roberta_like(vocabulary: int) -> Tokenizer:
    """Byte-level BPE with a mask token that includes the space before it, and <s> </s> around every text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    _train_bpe(tokenizer, vocabulary - 1, ["<s>", "<pad>", "</s>", "<unk>"], seed=14)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True,
                                                            add_prefix_space=False)
    return tokenizer


def _train_bpe(tokenizer: Tokenizer, vocabulary: int, special: list[str], seed: int) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(generated_text(seed), trainer)


def bert_like(vocabulary: int) -> Tokenizer:
    ids = {piece: i for i, piece in enumerate(_wordpieces(vocabulary))}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    return tokenizer


def spelling(special: list[str], prefix: list[str], suffix: list[str], after: list[str] = []) -> Tokenizer:
    """Lower-case WordPiece of few pieces that spells anything. `special` tokens come first, those `after` last; `prefix` and
    `suffix` are added around every text."""
    counts = Counter(w for line in generated_text(17) for w in re.findall(r"[a-z]+", line.lower()))
    letters = sorted(string.ascii_lowercase + ".,:!?")
    pieces = special + letters + ["##" + c for c in string.ascii_lowercase]
    pieces += ["is", "all", "terrible", "great"] + [w for w, _ in sorted(counts.items(), key=lambda i: (-i[1], i[0]))
                                                    if len(w) > 1 and w not in ("is", "all", "terrible", "great")][:40]
    ids = {piece: i for i, piece in enumerate(pieces + after)}
    unknown = next(token for token in special if "unk" in token.lower())
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token=unknown, max_input_chars_per_word=100))
    tokenizer.add_special_tokens(special + after)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=" ".join(prefix + ["$A"] + suffix), pair=" ".join(prefix + ["$A"] + suffix + ["$B:1"] + [t + ":1" for t in suffix]),
        special_tokens=[(token, ids[token]) for token in suffix + prefix],
    )
    return tokenizer


def camembert_like() -> Tokenizer:
    """SentencePiece's Unigram model with the order of special tokens that fairseq gave CamemBERT's."""
    counts = Counter(w for line in generated_text(18) for w in re.findall(r"[a-z]+", line.lower()))
    words = [w for w, _ in sorted(counts.items(), key=lambda i: (-i[1], i[0])) if len(w) > 1][:30]
    pieces = [("\u2581", -3.0)] + [("\u2581" + word, -4.0 - i / 10) for i, word in enumerate(words)]
    pieces += [(ending, -5.5) for ending in ("ing", "ed", "er", "ber", "re", "em")]
    pieces += [(c, -7.0 - i / 50) for i, c in enumerate(string.ascii_lowercase + ".,!?'A")]
    special = [("<s>NOTUSED", 0.0), ("</s>NOTUSED", 0.0), ("<pad>", 0.0), ("<unk>", 0.0), ("<unk>NOTUSED", -100.0), ("<s>", 0.0), ("</s>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(special + pieces + [("<mask>", 0.0)], unk_id=3, byte_fallback=False))
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, special=True)])
    metaspace = {"replacement": "\u2581", "prepend_scheme": "always"}
    tokenizer.normalizer = normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " ")
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**metaspace)
    tokenizer.decoder = decoders.Metaspace(**metaspace)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 5), ("</s>", 6)])
    return tokenizer


SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def _wordpieces(vocabulary: int) -> list[str]:
    """Special tokens, single characters, then endings and words by count. (The package's own trainer gives another
    vocabulary on every run.)"""
    words, endings = Counter(), Counter()
    for line in generated_text(13):
        for word in re.findall(r"[a-z]+|[0-9]+", line.lower()):
            words[word] += 1
            endings.update("##" + word[-n:] for n in (2, 3, 4) if len(word) > n + 1)
    characters = sorted(string.ascii_lowercase + string.digits + string.punctuation)
    pieces = SPECIAL + characters + ["##" + c for c in characters if c.isalnum()]
    by_count = lambda counts: [p for p, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    pieces += by_count(endings)[:60] + [w for w in by_count(words) if len(w) > 1]
    return pieces[:vocabulary]
