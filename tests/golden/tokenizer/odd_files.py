"""Files that the `tokenizers` package loads and that look unlike those which models are published with: settings left out or
null, older spellings, components that few models have, ids that don't follow each other. A file is a base and what is changed in
it, so that odd_files.json stays small. This file is longer than others because it is a catalogue of settings.
"""

import copy
import random

from tokenizers import Tokenizer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["the", "then", "other", "there", "in", "ing", "er", "re", "an", "and", "good", "film", "bad", "new", "word"]
SPECIALS = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def added(id, content, special=False, **flags):
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": not special, "special": special}
    return {"id": id, "content": content} | plain | flags


def numbered(pieces):
    return {piece: id for id, piece in enumerate(dict.fromkeys(pieces))}


def merges_of(words, mark="", suffix=""):
    """Merges that build the words from the left; `mark` precedes every symbol but the first, `suffix` follows the last."""
    merges, pieces = [], []
    for word in words:
        symbols = [(mark if at else "") + letter + (suffix if at == len(word) - 1 else "") for at, letter in enumerate(word)]
        left = symbols[0]
        for right in symbols[1:]:
            if [left, right] not in merges:
                merges.append([left, right])
            pieces += [left, right]
            left += right[len(mark) :]
        pieces.append(left)
    return merges, pieces


def document(model, **parts):
    empty = {"normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": []} | empty | parts | {"model": model}


def bpe(**settings):
    plain = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None}
    return plain | {"end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False} | settings


def bases():
    word_merges, word_pieces = merges_of(WORDS)
    marked_merges, marked_pieces = merges_of(WORDS, "##", "</w>")
    spaced = ["\u2581" + word for word in WORDS[:8]]
    spaced_merges, spaced_pieces = merges_of(spaced)
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    special = [added(id, name, True) for id, name in enumerate(SPECIALS)]
    letters = list(LETTERS + "T.,!'0123\u00e9\u4e2d")
    scores = [[piece, -2.0 - 0.25 * at] for at, piece in enumerate(["\u2581", *LETTERS, *WORDS, *spaced, "\u2581\u2581"])]
    return {
        "wordpiece": document(
            {
                "type": "WordPiece",
                "unk_token": "[UNK]",
                "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 20,
                "vocab": numbered(SPECIALS + letters + ["##" + letter for letter in LETTERS] + WORDS + ["##ing", "##er"]),
            },
            added_tokens=special,
            normalizer={
                "type": "BertNormalizer",
                "clean_text": True,
                "handle_chinese_chars": True,
                "strip_accents": None,
                "lowercase": True,
            },
            pre_tokenizer={"type": "BertPreTokenizer"},
            decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
        ),
        "words": document(
            {"type": "WordLevel", "vocab": numbered(SPECIALS + WORDS + ["\u4e2d", "."]), "unk_token": "[UNK]"},
            added_tokens=special,
            pre_tokenizer={"type": "Whitespace"},
        ),
        "bpe": document(
            bpe(unk_token="[UNK]", vocab=numbered(SPECIALS + letters + word_pieces), merges=word_merges),
            added_tokens=special,
            pre_tokenizer={"type": "Whitespace"},
        ),
        "marked": document(
            bpe(
                unk_token="[UNK]",
                continuing_subword_prefix="##",
                end_of_word_suffix="</w>",
                vocab=numbered(SPECIALS + letters + [letter + "</w>" for letter in LETTERS] + marked_pieces),
                merges=marked_merges,
            ),
            added_tokens=special,
            pre_tokenizer={"type": "Whitespace"},
            decoder={"type": "BPEDecoder", "suffix": "</w>"},
        ),
        "spaces": document(
            bpe(
                unk_token="<unk>",
                byte_fallback=True,
                vocab=numbered(["<unk>", "<s>", *bytes_, "\u2581", *LETTERS, *spaced_pieces]),
                merges=spaced_merges,
            ),
            added_tokens=[added(0, "<unk>", True), added(1, "<s>", True)],
            pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
            decoder={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        ),
        "bytes": document(
            bpe(vocab=numbered(byte_letters() + word_pieces), merges=word_merges),
            pre_tokenizer={"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            decoder={"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        ),
        "unigram": document(
            {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0.0], *scores], "byte_fallback": False},
            added_tokens=[added(0, "<unk>", True)],
            pre_tokenizer={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
            decoder={"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
        ),
    }


def byte_letters():
    own = [byte for byte in range(256) if 33 <= byte <= 126 or 161 <= byte <= 255 and byte != 173]
    return [chr(byte) for byte in own] + [chr(256 + at) for at in range(256 - len(own))]


def changed(base, set_, without=()):
    """The base with the values of `set_` at its pointers ("/model/dropout"), and nothing at those of `without`."""
    made = copy.deepcopy(base)

    def place(pointer):
        *path, last = pointer.lstrip("/").split("/")
        at = made
        for key in path:
            at = at[int(key) if isinstance(at, list) else key]
        return at, int(last) if isinstance(at, list) else last

    for pointer, value in set_.items():
        at, key = place(pointer)
        at[key] = value
    for pointer in without:
        at, key = place(pointer)
        del at[key]
    return made


BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
META = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
SEQUENCE = [{"Sequence": {"id": "A", "type_id": 0}}]
CLS = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}]
TOKENS = {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}, "two": {"id": "two", "ids": [2, 3], "tokens": ["[SEP]", "[MASK]"]}}
BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]


def replace(pattern, content):
    return {"type": "Replace", "pattern": pattern, "content": content}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def sequence(key, *steps):
    return {"type": "Sequence", key: list(steps)}


NORMALIZERS = {
    "null": None,
    "empty-sequence": sequence("normalizers"),
    "sequence-of-one": sequence("normalizers", {"type": "Lowercase"}),
    "nested": sequence("normalizers", sequence("normalizers", {"type": "NFD"}, {"type": "StripAccents"}), {"type": "Lowercase"}),
    **{form: {"type": form} for form in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel")},
    "bert-accents": BERT | {"strip_accents": False},
    "bert-cased-accents": BERT | {"strip_accents": True, "lowercase": False},
    "bert-plain": BERT | {"clean_text": False, "handle_chinese_chars": False, "lowercase": False},
    "bert-by-fields": {key: value for key, value in BERT.items() if key != "type"},
    "bert-short-name": BERT | {"type": "Bert"},
    "strip": {"type": "Strip", "strip_left": True, "strip_right": True},
    "strip-left": {"type": "Strip", "strip_left": True, "strip_right": False},
    "strip-by-fields": {"strip_left": False, "strip_right": True},
    "prepend": {"type": "Prepend", "prepend": "\u2581"},
    "prepend-word": {"type": "Prepend", "prepend": "new "},
    "prepend-by-fields": {"prepend": "the"},
    "prepend-nothing": {"type": "Prepend", "prepend": ""},
    "replace-string": replace({"String": "the"}, "a new "),
    "replace-dot": replace({"String": "."}, "!"),
    "replace-empty-string": replace({"String": ""}, "x"),
    "replace-regex": replace({"Regex": "[aeiou]+"}, "e"),
    "replace-regex-empty": replace({"Regex": "a*"}, "-"),
    "replace-regex-dollar": replace({"Regex": "(a)(n)?"}, "$1\\1&"),
    "replace-line-ends": replace({"Regex": "$"}, "!"),
    "replace-dot-regex": replace({"Regex": "."}, "a"),
    "replace-posix": replace({"Regex": "[[:space:]]+|[[:punct:]]"}, " "),
    "replace-possessive": replace({"Regex": "\\s{2,}+"}, " "),
    "replace-ignore-case": replace({"Regex": "(?i)THE"}, "an"),
    "replace-hex": replace({"Regex": "\\h+"}, "h"),
    "replace-unicode": replace({"Regex": "\\p{Han}|\\p{Lu}|\\x{e9}"}, "c"),
    "replace-by-fields": {"pattern": {"String": "film"}, "content": "word"},
}

PRE_TOKENIZERS = {
    "null": None,
    "empty-sequence": sequence("pretokenizers"),
    "nested": sequence("pretokenizers", sequence("pretokenizers", {"type": "WhitespaceSplit"}), {"type": "Punctuation"}),
    "whitespace": {"type": "Whitespace"},
    "whitespace-split": {"type": "WhitespaceSplit"},
    "bert": {"type": "BertPreTokenizer"},
    "digits": {"type": "Digits", "individual_digits": False},
    "digits-each": {"type": "Digits", "individual_digits": True},
    **{f"punctuation-{name}": {"type": "Punctuation", "behavior": name} for name in BEHAVIORS},
    "punctuation-old": {"type": "Punctuation"},
    **{f"split-{name}": split({"String": "e"}, name) for name in BEHAVIORS},
    **{f"split-inverted-{name}": split({"Regex": "[a-z]+"}, name, True) for name in BEHAVIORS},
    "split-dot": split({"String": "."}),
    **{f"split-everywhere-{name}": split({"String": ""}, name) for name in BEHAVIORS},
    "split-everywhere-regex": split({"Regex": ""}),
    **{f"split-maybe-{name}": split({"Regex": "e*"}, name) for name in BEHAVIORS},
    "split-maybe-inverted": split({"Regex": "[a-m]*"}, "Removed", True),
    "split-boundary": split({"Regex": "\\b"}),
    "split-lookbehind": split({"Regex": "(?<=[aeiou])"}, "Isolated"),
    "split-lines": split({"Regex": "^|$"}),
    "split-newline": split({"Regex": "\\n|\\R"}, "Removed"),
    "split-script": split({"Regex": "\\p{Han}+|\\p{L}+|\\p{N}+|[^\\s\\p{L}\\p{N}]+"}, "Removed", True),
    "split-class": split({"Regex": "[^a-z&&[^aeiou]]+"}),
    # Where Oniguruma's Ruby syntax means something else than other engines' syntax.
    **{
        f"regex-{number}": split({"Regex": regex})
        for number, regex in enumerate(
            [r"\w{1,3}+", r"[a-z]{2}?", r"[a-z]{2,3}?", r"e{,2}", r"(?m:e.)|(?m)n.t", r"(in)?(?i)THE|e", r"((?i)o|x)t", r"a{b|<|}|]", r"\B", r"\be|e\b",
             r"[[:punct:]\s]+|[[:^punct:]]", r"[[:alpha:]]+|\d+|\D", r"(?:the)++|e*+n", r"\N+|\O", r"(?#a comment)film", r"(?<!o)t|(?<=t)h", r"(?>a|an)d|\p{^L}+", r"[^\W\d_]+|[\h.]+",
             r"'(?i:[sdmt]|ll|ve|re)|\s+(?!\S)|\s", r"\p{Lu}?\p{Ll}+|\p{M}+|\p{S}|\p{P}", r"(a)(n)?\1?|(?<x>e)\k<x>", r"\x{e9}|\u4e2d|\t|\e|\.", r"(?i-m:FILM)(?-i)", r"e{2}{1}|o{1,2}*"]
        )
    },
    "delimiter": {"type": "CharDelimiterSplit", "delimiter": " "},
    "delimiter-letter": {"type": "CharDelimiterSplit", "delimiter": "e"},
    "scripts": {"type": "UnicodeScripts"},
    "scripts-spaces": sequence("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "UnicodeScripts"}),
    "fixed": {"type": "FixedLength", "length": 3},
    "fixed-default": {"type": "FixedLength"},
    "byte-level": BYTE_LEVEL,
    "byte-level-plain": BYTE_LEVEL | {"add_prefix_space": False, "use_regex": False},
    "byte-level-old": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False},
    "byte-level-twice": sequence("pretokenizers", BYTE_LEVEL | {"use_regex": False}, BYTE_LEVEL),
    "byte-level-then-digits": sequence("pretokenizers", BYTE_LEVEL, {"type": "Digits", "individual_digits": True}),
    **{f"metaspace-{scheme}": META | {"prepend_scheme": scheme} for scheme in ("always", "first", "never")},
    **{f"metaspace-whole-{scheme}": META | {"prepend_scheme": scheme, "split": False} for scheme in ("always", "first", "never")},
    "metaspace-old": {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True, "str_rep": "\u2581"},
    "metaspace-old-none": {"type": "Metaspace", "replacement": "_", "add_prefix_space": False, "prepend_scheme": "never"},
    "metaspace-odd-pair": {"type": "Metaspace", "replacement": "_", "add_prefix_space": True, "prepend_scheme": "first"},
    "metaspace-null": {"type": "Metaspace", "replacement": "_", "add_prefix_space": None, "split": None},
    "metaspace-after-split": sequence("pretokenizers", {"type": "WhitespaceSplit"}, META | {"prepend_scheme": "first"}),
    "metaspace-after-digits": sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, META),
}

DECODERS = {
    "null": None,
    "bpe": {"type": "BPEDecoder", "suffix": "</w>"},
    "bpe-letter": {"type": "BPEDecoder", "suffix": "e"},
    "bpe-by-fields": {"suffix": "ing"},
    "ctc": {"type": "CTC", "pad_token": "[UNK]", "word_delimiter_token": "e", "cleanup": True},
    "ctc-plain": {"type": "CTC", "pad_token": "a", "word_delimiter_token": "e", "cleanup": False},
    "wordpiece": {"type": "WordPiece", "prefix": "##", "cleanup": True},
    "wordpiece-plain": {"type": "WordPiece", "prefix": "", "cleanup": False},
    "wordpiece-by-fields": {"prefix": "##", "cleanup": True},
    "byte-level": BYTE_LEVEL,
    "metaspace-old": {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True, "str_rep": "\u2581"},
    "fuse": {"type": "Fuse"},
    "strip": {"type": "Strip", "content": "e", "start": 1, "stop": 0},
    "replace": replace({"Regex": "[aeiou]"}, "*"),
    "replace-empty-string": replace({"String": ""}, "-"),
    "byte-fallback": {"type": "ByteFallback"},
    "sequence": sequence("decoders", replace({"String": "\u2581"}, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}),
}

POST_PROCESSORS = {
    "template": {"type": "TemplateProcessing", "single": CLS + SEQUENCE, "pair": [], "special_tokens": TOKENS},
    "template-ids": {"type": "TemplateProcessing", "single": SEQUENCE + [{"SpecialToken": {"id": "two", "type_id": 0}}], "pair": [], "special_tokens": TOKENS},
    "template-bare": {"type": "TemplateProcessing", "single": SEQUENCE, "pair": [], "special_tokens": {}},
    "template-by-fields": {"single": CLS + SEQUENCE + CLS, "pair": [], "special_tokens": TOKENS},
    "bert": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "bert-by-fields": {"sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "roberta": {"type": "RobertaProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1], "trim_offsets": True, "add_prefix_space": True},
    "roberta-short": {"type": "RobertaProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
    "byte-level": BYTE_LEVEL,
    "byte-level-kept": BYTE_LEVEL | {"trim_offsets": False},
    "sequence": sequence("processors", BYTE_LEVEL, {"type": "TemplateProcessing", "single": CLS + SEQUENCE, "pair": [], "special_tokens": TOKENS}),
    "sequence-twice": sequence("processors", {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}, {"type": "TemplateProcessing", "single": CLS + SEQUENCE, "pair": [], "special_tokens": TOKENS}),
    "empty-sequence": sequence("processors"),
}


def systematic():
    """Each as name, base, what is set, what is left out."""
    for base in ("wordpiece", "words", "bpe", "bytes", "spaces", "unigram"):
        for name, normalizer in NORMALIZERS.items():
            if base == "bytes" and name in FAULTY:
                continue
            yield f"{base}/normalizer-{name}", base, {"/normalizer": normalizer}, []
        for name, pre_tokenizer in PRE_TOKENIZERS.items():
            yield f"{base}/words-{name}", base, {"/pre_tokenizer": pre_tokenizer}, []
        for name, decoder in DECODERS.items():
            yield f"{base}/decoder-{name}", base, {"/decoder": decoder}, []
    for base in ("wordpiece", "bytes"):
        for name, post_processor in POST_PROCESSORS.items():
            yield f"{base}/around-{name}", base, {"/post_processor": post_processor}, []
    for base in bases():
        for key in ("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder"):
            yield f"{base}/without-{key}", base, {}, ["/" + key]
        yield f"{base}/unknown-key", base, {"/comment": "made by hand", "/model/comment": [1]}, []
        yield f"{base}/model-without-type", base, {}, ["/model/type"]
        truncation = {"direction": "Right", "max_length": 512, "strategy": "LongestFirst", "stride": 0}
        padding = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "x"}
        yield f"{base}/truncation", base, {"/truncation": truncation, "/padding": padding}, []
        yield f"{base}/added-nothing", base, {"/added_tokens": []}, []
    for base in ("bpe", "marked", "bytes", "spaces"):
        for name, value in [("0.0", 0.0), ("0", 0), ("null", None)]:
            yield f"{base}/dropout-{name}", base, {"/model/dropout": value}, []
        for key in ("dropout", "unk_token", "fuse_unk", "byte_fallback", "ignore_merges", "continuing_subword_prefix", "end_of_word_suffix"):
            yield f"{base}/model-without-{key}", base, {}, ["/model/" + key]
        for key in ("fuse_unk", "byte_fallback", "ignore_merges"):
            yield f"{base}/{key}-null", base, {f"/model/{key}": None}, []
            yield f"{base}/{key}", base, {f"/model/{key}": True}, []
        merges = bases()[base]["model"]["merges"]
        yield f"{base}/merges-as-lines", base, {"/model/merges": ["#version: 0.2"] + [" ".join(merge) for merge in merges]}, []
        yield f"{base}/merges-twice", base, {"/model/merges": merges + merges[:5]}, []
        yield f"{base}/merges-none", base, {"/model/merges": []}, []
        yield f"{base}/unk-elsewhere", base, {"/model/unk_token": "<absent>"}, []
        yield f"{base}/empty-marks", base, {"/model/continuing_subword_prefix": "", "/model/end_of_word_suffix": ""}, []
        yield f"{base}/suffix", base, {"/model/end_of_word_suffix": "e"}, []
        yield f"{base}/prefix", base, {"/model/continuing_subword_prefix": "a", "/model/merges": []}, []
        yield f"{base}/prefix-fallback", base, {"/model/continuing_subword_prefix": "a", "/model/merges": [], "/model/byte_fallback": True}, []
        yield f"{base}/whole-text", base, {"/pre_tokenizer": None, "/model/ignore_merges": True}, []
    for key, value in [("unk_token", "<absent>"), ("unk_token", "the"), ("continuing_subword_prefix", ""), ("continuing_subword_prefix", "@@"),
                       ("max_input_chars_per_word", 0), ("max_input_chars_per_word", 3), ("max_input_chars_per_word", 10**12)]:  # fmt: skip
        yield f"wordpiece/{key}-{value}", "wordpiece", {f"/model/{key}": value}, []
    yield "words/unk-absent", "words", {"/model/unk_token": "<absent>"}, []
    yield "words/unk-word", "words", {"/model/unk_token": "film"}, []
    unigram = bases()["unigram"]["model"]["vocab"]
    for name, changes in {
        "no-unk": {"/model/unk_id": None},
        "other-unk": {"/model/unk_id": 3},
        "twice": {"/model/vocab": unigram + [["the", -0.5], ["e", -9.0], ["e", -1.0]]},
        "whole-scores": {"/model/vocab": [[piece, int(score)] for piece, score in unigram]},
        "empty-piece": {"/model/vocab": unigram + [["", -1.0]]},
        "bytes": {"/model/vocab": unigram + [[f"<0x{byte:02X}>", -20.0] for byte in range(256)], "/model/byte_fallback": True},
        "some-bytes": {"/model/vocab": unigram + [[f"<0x{byte:02X}>", -20.0] for byte in range(0xC3, 256)], "/model/byte_fallback": True},
        "bytes-without-pieces": {"/model/byte_fallback": True},
        "ties": {"/model/vocab": [[piece, -1.0 * len(piece)] for piece, score in unigram]},
    }.items():
        yield f"unigram/{name}", "unigram", changes, []
    yield "unigram/without-byte_fallback", "unigram", {}, ["/model/byte_fallback"]
    for base in ("wordpiece", "bpe", "bytes", "words", "unigram"):
        vocabulary = bases()[base]["model"]["vocab"]
        size, specials = len(vocabulary), bases()[base]["added_tokens"]
        for name, tokens in {
            "at-end": [added(size, "<a>"), added(size + 1, "new film")],
            "far-away": [added(size + 1000, "<a>"), added(size + 5, "new film")],
            "backwards": [added(size + 1, "<a>"), added(size, "<b>")],
            "of-the-model": [added(0, "film"), added(7, "good", True), added(size, "<a>")],
            "taken-id": [added(2, "<a>"), added(2, "<b>")],
            "twice": [added(size, "<a>"), added(size, "<a>"), added(size + 1, "<b>"), added(size + 2, "<a>", True, rstrip=True)],
            "empty": [added(size, ""), added(size, "<a>")],
            "flags": [added(size, "film", single_word=True), added(size + 1, "<a>", lstrip=True, rstrip=True), added(size + 2, "New", normalized=True)],
            "inside": [added(size, "<a"), added(size + 1, "<a>"), added(size + 2, "a>b")],
            "special-normalized": [added(size, "<A>", True, normalized=True), added(size + 1, "GOOD", normalized=True)],
        }.items():
            yield f"{base}/added-{name}", base, {"/added_tokens": specials + tokens}, []
    gaps = {piece: 2 * id + 3 for piece, id in bases()["bpe"]["model"]["vocab"].items()}
    yield "bpe/gaps", "bpe", {"/model/vocab": gaps, "/added_tokens": [added(0, "<a>"), added(500, "[MASK]", True), added(1, "<b>")]}, []
    shared = bases()["bpe"]["model"]["vocab"] | {"film": 5, "good": 5}
    yield "bpe/shared-ids", "bpe", {"/model/vocab": shared}, []
    yield "wordpiece/shared-ids", "wordpiece", {"/model/vocab": bases()["wordpiece"]["model"]["vocab"] | {"film": 5, "good": 5}}, []
    yield "bpe/only-added", "bpe", {"/model/vocab": {}, "/model/merges": [], "/model/unk_token": None, "/added_tokens": [added(0, "<a>"), added(1, "film")]}, []
    yield "wordpiece/empty-piece", "wordpiece", {"/model/vocab": bases()["wordpiece"]["model"]["vocab"] | {"": 900, "##": 901}}, []


# What the package does with these is a fault of its own: where nothing is replaced or prepended, characters come twice
# in what is made of the text later.
FAULTY = ("prepend-nothing", "replace-regex-empty", "replace-empty-string", "replace-line-ends")


def random_files(seed, count):
    """Any parts with any others."""
    chance = random.Random(seed)
    sound = {name: part for name, part in NORMALIZERS.items() if name not in FAULTY}
    names = sorted(bases())
    for number in range(count):
        base = chance.choice(names)
        steps = lambda all: [step for step in chance.choices(list(all.values()), k=chance.choice([1, 1, 2, 3])) if step]
        changes = {}
        if chance.random() < 0.6:
            changes["/normalizer"] = sequence("normalizers", *steps(sound))
        if chance.random() < 0.7:
            changes["/pre_tokenizer"] = sequence("pretokenizers", *steps(PRE_TOKENIZERS))
        # README.md says what the package does after a Replace or an inserted space.
        replaces = any(key in str(changes.get("/normalizer")) for key in ("pattern", "handle_chinese_chars"))
        if replaces and "'first'" in str(changes.get("/pre_tokenizer")):
            del changes["/pre_tokenizer"]
        if chance.random() < 0.5:
            changes["/decoder"] = sequence("decoders", *steps(DECODERS))
        if bases()[base]["model"]["type"] == "BPE":
            for key in ("fuse_unk", "byte_fallback", "ignore_merges"):
                if chance.random() < 0.3:
                    changes[f"/model/{key}"] = True
        if chance.random() < 0.4:
            size = len(bases()[base]["model"]["vocab"])
            flags = lambda: {name: chance.random() < 0.4 for name in ("single_word", "lstrip", "rstrip")} | {"normalized": not replaces and chance.random() < 0.4}
            tokens = [added(size + at, word, "e" not in word and word != "film" and chance.random() < 0.3, **flags()) for at, word in enumerate(["<a>", "New", "film", "e.", " the"])]
            changes["/added_tokens"] = bases()[base]["added_tokens"] + tokens
        yield f"random-{seed}-{number}/{base}", base, changes, []


TEXTS = [
    "", " ", "the other film", "  The  new word... ", "a\u0301n\u00e9 \u00c9cole CAF\u00c9", "then,there!in'the", "<a> new film<a>b <b><A>",
    "goodfilm Good GOOD <a>  x", "\u4e2d\u6587 the\u30fc\u30ab\u306e \u4e2d.", "in\r\nthe\n\nword\t", "x\u00a0y\u3000z\u200b\u2028w\ufeff", "\u2581the\u2581\u2581film \u2581",
    "[MASK] the [CLS]film [UNK]", "123 4.5 \u0663\u0664 \u00bd\u00b2\u2167", "\U0001f600 \u0915\u094d\u0937 \ud55c\uad6d \u05e9\u05dc\u05d5\u05dd", "eee e ae eea", "<unk><s> </w> ##ing _x_",
    "\u0130\u01c5\ufb01\u212b\u1e9e", "\x00\x01\x7f\x8f\x9f\ufffd", "word\U000f0000\ue000\u0378",
]  # fmt: skip


def random_texts(seed, count):
    chance = random.Random(seed)
    parts = WORDS + [word.upper() for word in WORDS] + TEXTS + SPECIALS + ["<a>", "e", ".", ",", " ", " ", "  ", "\n", "\u2581", "_", "1", "23", "\u00e9", "e\u0301"]
    for _ in range(count):
        text = ""
        for _ in range(chance.randint(1, 8)):
            code = chance.choice([chance.randint(0, 0x2FF), chance.randint(0, 0x33FF), chance.randint(0, 0x1FFFF)])
            odd = chr(code) if not 0xD800 <= code < 0xE000 else "-"
            text += chance.choice(parts) if chance.random() < 0.8 else odd
        yield text


def loaded(text):
    """The package's tokenizer, or why it refuses the file."""
    try:
        tokenizer = Tokenizer.from_str(text)
    except BaseException as error:  # the package's panics are no Exception
        return None, str(error)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer, ""
