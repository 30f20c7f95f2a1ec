"""Counts how often Cuecard's tokenizers and the `tokenizers` package differ on random text. The target is zero.

    python tests/golden/tokenizer/compare_tokenizers.py --program BUILD/bin/cuecard-tokenize-lines [--count 100000] [--seed 1] TOKENIZER.json ...

Ids and decoded text are compared, with and without special tokens; offsets with --offsets (README.md says where
ours differ on purpose).
"""

import argparse
import json
import random
import subprocess
import sys

from make_tokenizer_golden import TEXTS, byte_offsets, without_special_pieces
from tokenizers import Tokenizer

RANGES = [
    (0x20, 0x7E), (0x20, 0x7E), (0x61, 0x7A), (0x00, 0x20), (0x7F, 0xFF), (0x100, 0x24F), (0x250, 0x36F), (0x370, 0x52F),
    (0x590, 0x6FF), (0x900, 0xDFF), (0xE00, 0xFFF), (0x1100, 0x11FF), (0x1E00, 0x20FF), (0x2100, 0x2BFF), (0x3000, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0xF900, 0xFFFF), (0x1F300, 0x1FAFF), (0x10000, 0x1FFFF),
    (0x20000, 0x3FFFF), (0x0, 0x10FFFF),
]  # fmt: skip


def character(chance):
    first, last = chance.choice(RANGES)
    code = chance.randint(first, last)
    return chr(code) if not 0xD800 <= code < 0xE000 else " "


class Texts:
    """Random strings of the tokenizer's own tokens, parts of difficult texts, and characters from all of Unicode."""

    def __init__(self, tokenizer, seed):
        self.chance = random.Random(seed)
        pieces = sorted(tokenizer.get_vocab())
        self.pieces = [piece.replace("Ġ", " ").replace("▁", " ").replace("##", "") for piece in pieces]
        self.added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        self.nasty = [text for given in TEXTS for text in given.decode("utf-8", "replace").split(" ")]
        self.glue = ["", "", " ", " ", " ", "  ", "\n", "\t", "\r\n", "'", "'s", ".", ", ", "\u00a0", "\u0301", "\u200d"]

    def part(self):
        chance = self.chance
        kind = chance.random()
        if kind < 0.45:
            return chance.choice(self.pieces)
        if kind < 0.6:
            return chance.choice(self.nasty)
        if kind < 0.65 and self.added:
            return chance.choice(self.added)
        if kind < 0.7:
            return str(chance.randint(0, 10 ** chance.randint(1, 9)))
        if kind < 0.75:
            return character(chance) * chance.choice([2, 3, 50, 101])
        return "".join(character(chance) for _ in range(chance.randint(1, 8)))

    def text(self):
        return "".join(self.part() + self.chance.choice(self.glue) for _ in range(self.chance.randint(0, 12)))

    def given(self):
        """The text as bytes, sometimes with invalid UTF-8."""
        text = self.text().encode()
        if text and self.chance.random() < 0.05:
            at = self.chance.randrange(len(text))
            text = text[:at] + self.chance.randbytes(self.chance.randint(0, 3)) + text[at + self.chance.randint(0, 2) :]
        return text


def hidden_special(tokenizer, text):
    """Whether cleaning turns other text into a special token, which the package's Unigram model then finds."""
    if tokenizer.normalizer is None or type(tokenizer.model).__name__ != "Unigram":
        return False
    cleaned = tokenizer.normalizer.normalize_str(text)
    special = [token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special]
    return any(cleaned.count(name) > text.count(name) for name in special)


def compare(program, path, count, seed, offsets):
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    plain = without_special_pieces(Tokenizer.from_str(tokenizer.to_str()))
    texts = Texts(tokenizer, seed)
    differences = compared = skipped = 0
    while compared < count:
        block = [(texts.given(), texts.chance.random() < 0.5) for _ in range(min(2000, count - compared))]
        requests = "".join(json.dumps({"hex": given.hex(), "special": special}) + "\n" for given, special in block)
        answers = subprocess.run([program, path], input=requests.encode(), capture_output=True)
        if answers.returncode != 0:
            sys.exit(f"{program} {path}: {answers.stderr.decode()}")
        for (given, special), line in zip(block, answers.stdout.decode().rstrip("\n").split("\n")):
            ours = json.loads(line)
            text = given.decode("utf-8", "replace")
            compared += 1
            if special and hidden_special(tokenizer, text):
                skipped += 1
                continue
            encoding = (tokenizer if special else plain).encode(text, add_special_tokens=False)
            decoded = tokenizer.decode(encoding.ids, skip_special_tokens=False)
            same = ours["ids"] == encoding.ids and ours["text"] == decoded
            if offsets and same and text.encode() == given:
                same = (ours["begin"], ours["end"]) == byte_offsets(text, encoding.offsets)
            if not same:
                differences += 1
                if differences <= 3:
                    print(f"  {text!r} special={special}\n    ours   {ours}\n    theirs {encoding.ids} {decoded!r}"
                          f" {byte_offsets(text, encoding.offsets)}")
    skips = f", {skipped} of them not compared (README.md)" if skipped else ""
    print(f"{path}: {differences} differences in {compared} texts{skips}", flush=True)
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--offsets", action="store_true")
    parser.add_argument("tokenizers", nargs="+")
    given = parser.parse_args()
    total = sum(compare(given.program, path, given.count, given.seed, given.offsets) for path in given.tokenizers)
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
