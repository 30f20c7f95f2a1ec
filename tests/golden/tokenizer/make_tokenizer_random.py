"""Writes random.golden.json: a thousand random texts, a hundred for each of ten kinds of tokenizers, and their ids by the
`tokenizers` package: rows of text, whether special tokens are taken as such, and ids. compare_tokenizers.py generates such texts, and compares any number of them.

    python tests/golden/tokenizer/make_tokenizer_random.py
"""

import json

from compare_tokenizers import Texts
from make_tokenizer_golden import HERE, without_special_pieces
from tokenizers import Tokenizer

KINDS = ["bert-uncased", "bert-cased", "gpt2", "roberta", "smollm", "llama2", "llama3", "qwen2", "falcon", "t5"]
LONGEST = 40  # bytes


def rows(name):
    tokenizer = Tokenizer.from_file(str(HERE / f"{name}.json"))
    plain = without_special_pieces(Tokenizer.from_file(str(HERE / f"{name}.json")))
    texts = Texts(tokenizer, seed=20)
    while True:
        text, special = texts.text(), texts.chance.random() < 0.5
        if 0 < len(text.encode()) <= LONGEST:
            ids = (tokenizer if special else plain).encode(text, add_special_tokens=False).ids
            yield text, special, ids


def main():
    golden = {name: [row for row, _ in zip(rows(name), range(100))] for name in KINDS}
    (HERE / "random.golden.json").write_text(json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
