"""Writes companion_files.json: tokens that stand only beside a vocabulary's file, in tokenizer_config.json, special_tokens_map.json or
added_tokens.json, and the ids that transformers' AutoTokenizer gives texts with them.

    python tests/golden/tokenizer/make_companion_files.py

A case is a base, which is NAME.json as tokenizer.json or a folder of `files`, and the JSON files that are put beside it.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from transformers import AutoTokenizer

HERE = Path(__file__).parent
CONFIG, MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
TEXTS = [" <x> a<x>", "<newpad>a <ex> b<y>", " the  film <x> <ex>  newword <y>.", "<pad> a <mask> [MASK]<s>"]


def token(content, **flags):
    plain = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False, "special": True}
    return {"content": content} | plain | flags


def tokens_beside():
    """The same for every base. Of added_tokens_decoder, transformers reads the order of the ids."""
    decoder = {"900": token("<y>", special=False), "950": token("<x>", lstrip=True)}
    named = {"pad_token": "<newpad>", "additional_special_tokens": ["<ex>"]}
    return {
        "decoder": {CONFIG: {"added_tokens_decoder": decoder}},
        "decoder-names-extra": {CONFIG: {"added_tokens_decoder": decoder} | named},
        "decoder-hides-the-others": {CONFIG: {"added_tokens_decoder": decoder}, MAP: named, ADDED: {"<y>": 900}},
        "names": {CONFIG: named},
        "names-in-order": {CONFIG: {"mask_token": "<x>", "pad_token": "<ex>", "bos_token": "<y>", "image_token": "<newpad>"}},
        "names-with-flags": {CONFIG: {"pad_token": {"__type": "AddedToken"} | token("<x>", normalized=True, special=False, rstrip=True)}},
        "extra-before-additional": {CONFIG: {"extra_special_tokens": ["<x>"], "additional_special_tokens": ["<ex>"]}},
        "extra-with-roles": {CONFIG: {"extra_special_tokens": {"start_token": "<y>"}, "image_token": "<ex>"}},
        "map": {MAP: {"pad_token": {"content": "<newpad>", "lstrip": False, "rstrip": True, "normalized": False, "single_word": False}}},
        "map-over-config": {CONFIG: {"pad_token": "<y>"}, MAP: named},
        "added": {ADDED: {"<newpad>": 901, "<x>": 900}, CONFIG: {"pad_token": "<newpad>"}},
        "map-of-a-word": {MAP: {"additional_special_tokens": ["film"]}},
    }


def cases():
    fast = {"tokenizer_class": "PreTrainedTokenizerFast"}
    for base, family in [("gpt2", "gpt2"), ("bert-uncased", "bert"), ("t5", "t5"), ("llama2", "llama")]:
        for name, files in tokens_beside().items():
            yield base, family, name, files | {CONFIG: fast | files.get(CONFIG, {})}
    for base in ["bert", "gpt2", "roberta", "mpnet", "qwen2"]:
        for name, files in tokens_beside().items():
            if (base, name) == ("qwen2", "names-with-flags"):
                continue  # Qwen2Tokenizer adds its special tokens again, without their flags
            yield f"files/{base}", base, name, files | {CONFIG: files.get(CONFIG, {})}
    opt = {"tokenizer_class": "GPT2Tokenizer", "bos_token": "</s>", "eos_token": "</s>", "unk_token": "</s>", "pad_token": "<pad>"}
    yield "files/roberta", "opt", "opt", {CONFIG: opt | {"add_bos_token": True}}


def golden(base, family, name, files):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        if base.startswith("files/"):
            shutil.copytree(HERE / base, folder, dirs_exist_ok=True)
        else:
            shutil.copy(HERE / f"{base}.json", folder / "tokenizer.json")
        for file, content in ({"config.json": {"model_type": family}} | files).items():
            (folder / file).write_text(json.dumps(content))
        tokenizer = AutoTokenizer.from_pretrained(folder)
        rows = {text: tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS}
    return {"base": base, "family": family, "name": name, "files": files, "rows": rows}


if __name__ == "__main__":
    lines = [json.dumps(golden(*case)) for case in cases()]
    (HERE / "companion_files.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
