"""Writes the folder `files`: for each family a model directory without tokenizer.json, as models were published before
that, and NAME.golden.json, the results of transformers' tokenizer of those files for every third text of texts.json.

    python tests/golden/tokenizer/make_vocabulary_files.py

transformers reads SentencePiece files with protobuf, which is not installed; here its classes are given the pieces that
the sentencepiece package reads.
"""

import json
import os
import shutil

os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece_models
from make_tokenizer_golden import HERE, TEXTS, expected, training_text
from tokenizers import Tokenizer
from transformers import AutoTokenizer, LlamaTokenizer, T5Tokenizer
from transformers.tokenization_utils_base import generate_merges

FILES = HERE / "files"


def folder(name, family, **config):
    path = FILES / name
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"model_type": family}) + "\n")
    if config:
        (path / "tokenizer_config.json").write_text(json.dumps(config) + "\n")
    return path


def pieces_of(name):
    vocabulary = json.loads((HERE / f"{name}.json").read_text())["model"]["vocab"]
    return sorted(vocabulary, key=vocabulary.get)


def bert(name, source, **config):
    path = folder(name, "bert", **config)
    (path / "vocab.txt").write_text("".join(piece + "\n" for piece in pieces_of(source)))
    return path, AutoTokenizer.from_pretrained(path)


def mpnet(name, source):
    path = folder(name, "mpnet")
    pieces = ["<s>", "<pad>", "</s>", "[UNK]", *(piece for piece in pieces_of(source) if piece[0] != "["), "<mask>"]
    (path / "vocab.txt").write_text("".join(piece + "\n" for piece in pieces))
    return path, AutoTokenizer.from_pretrained(path)


def byte_level(name, source, family, **config):
    path = folder(name, family, **config)
    model = json.loads((HERE / f"{source}.json").read_text())["model"]
    (path / "vocab.json").write_text(json.dumps(model["vocab"], separators=(",", ":")) + "\n")
    (path / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(merge) + "\n" for merge in model["merges"]))
    return path, AutoTokenizer.from_pretrained(path)


def t5(name):
    path = folder(name, "t5")
    model = sentencepiece_models.unigram(line.strip() for line in training_text())
    (path / "spiece.model").write_bytes(model)
    sentinels = [(f"<extra_id_{number}>", 0.0) for number in range(99, -1, -1)]
    return path, T5Tokenizer(
        vocab=sentencepiece_models.pieces(model) + sentinels, _spm_precompiled_charsmap=sentencepiece_models.character_map(model)
    )


def llama(name, **config):
    path = folder(name, "llama", **config)
    model = sentencepiece_models.bpe(line.strip() for line in training_text())
    (path / "tokenizer.model").write_bytes(model)
    vocabulary = {piece: id for id, (piece, _) in enumerate(sentencepiece_models.pieces(model))}
    skipped = {"<unk>", "<s>", "</s>", "<user>"}
    merges = [
        merge for merge in generate_merges(vocabulary) if not skipped.intersection(merge) and "".join(merge) not in skipped
    ]
    tokenizer = LlamaTokenizer(vocab=vocabulary, merges=merges, **{"add_bos_token": True} | config)
    tokenizer.add_tokens(["<user>"])
    return path, tokenizer


def write_golden(path, tokenizer):
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    fields = ["ids", "text"]
    golden = {
        "rows": {
            str(row): {"plain": expected(backend, TEXTS[row], False, fields), "special": expected(backend, TEXTS[row], True, fields)}
            for row in range(0, len(TEXTS), 3)
        },
        "around": backend.encode("a").ids,
        "size": backend.get_vocab_size(),
    }
    path.with_suffix(".golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


def main():
    shutil.rmtree(FILES, ignore_errors=True)
    mask = {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "normalized": True, "rstrip": False, "single_word": False}
    end = len(pieces_of("roberta"))
    new = {"content": "newword", "special": False, "lstrip": False, "rstrip": False, "single_word": True, "normalized": True}
    numbered = {str(end): new | {"content": "<mask>", "special": True}, str(end + 1): new}
    for path, tokenizer in [
        bert("bert", "bert-uncased"),
        bert("bert-cased", "bert-cased", do_lower_case=False, strip_accents=True, tokenize_chinese_chars=False),
        mpnet("mpnet", "bert-uncased"),
        byte_level("gpt2", "gpt2", "gpt2", add_bos_token=True),
        byte_level("qwen2", "qwen2", "qwen2"),
        byte_level("roberta", "roberta", "roberta", mask_token=mask),
        byte_level("bart", "roberta", "bart", add_prefix_space=True, added_tokens_decoder=numbered),
        t5("t5"),
        llama("llama"),
        llama("llama-legacy", legacy=True, add_bos_token=False, add_eos_token=True),
    ]:
        write_golden(path, tokenizer)


if __name__ == "__main__":
    main()
