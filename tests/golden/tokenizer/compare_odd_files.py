"""Loads odd tokenizer.json files (odd_files.py) with the `tokenizers` package and with Cuecard, and compares ids and decoded
text, with special tokens as such and as plain text, and what is put around a text. Zero differences is the aim.

    python tests/golden/tokenizer/compare_odd_files.py --program BUILD/bin/cuecard-tokenize-lines [--count 300] [--seed 1] [--only PART] [--offsets]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from make_tokenizer_golden import byte_offsets, without_special_pieces
from odd_files import TEXTS, bases, changed, loaded, random_files, random_texts, systematic


def without_any_specials(text):
    return without_special_pieces(loaded(text)[0])


def theirs(tokenizer, plain, text, special):
    """None where the package itself gives up."""
    try:
        encoding = (tokenizer if special else plain).encode(text, add_special_tokens=False)
        tokenizer.encode_special_tokens = False
        inside, around = (tokenizer.encode("a", add_special_tokens=add).ids for add in (False, True))
    except BaseException:
        return None
    try:
        decoded = tokenizer.decode(encoding.ids, skip_special_tokens=False)
    except BaseException:
        decoded = None
    length = len(text)  # with byte fallback and marks of words, the package's offsets go beyond the text
    begin, end = byte_offsets(text, [(min(begin, length), min(end, length)) for begin, end in encoding.offsets])
    return {"ids": encoding.ids, "text": decoded, "begin": begin, "end": end, "inside": inside, "around": around}


def compare(program, file, name, document, texts, offsets):
    text = json.dumps(document)
    tokenizer, refusal = loaded(text)
    if tokenizer is None:
        return "refused", [refusal]
    plain = without_any_specials(text)
    file.write_text(text)
    requests = [(given, special) for given in texts for special in (False, True)]
    lines = "".join(json.dumps({"hex": given.encode().hex(), "special": special}) + "\n" for given, special in requests)
    answers = subprocess.run([program, file], input=lines, capture_output=True, text=True)
    found = answers.stdout.rstrip("\n").split("\n")
    if answers.returncode != 0 or len(found) != len(requests):
        return "different", [f"not loaded: {answers.stderr.strip()}"]
    differences = []
    for (given, special), line in zip(requests, found):
        ours = json.loads(line)
        expected = theirs(tokenizer, plain, given, special)
        if expected is None:  # the package's faults are no aim
            continue
        if "error" in ours:
            differences.append(f"{given!r} special={special}\n    ours   {ours}\n    theirs {expected}")
            continue
        decodes = expected["text"] is not None and "shared-ids" not in name  # of two pieces of an id, the package gives any
        keys = ["ids"] + ["text"] * decodes + ["begin", "end"] * offsets
        around = ours["prefix"] + expected["inside"] + ours["suffix"]
        if any(ours[key] != expected[key] for key in keys) or around != expected["around"]:
            differences.append(f"{given!r} special={special}\n    ours   {ours}\n    theirs {expected}")
    return "different" if differences else "same", differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--count", type=int, default=300, help="random files, and a tenth as many random texts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="files whose name has this in it")
    parser.add_argument("--offsets", action="store_true")
    parser.add_argument("--shown", type=int, default=1, help="differences shown of each file")
    given = parser.parse_args()
    all_bases = bases()
    texts = TEXTS + list(random_texts(given.seed, given.count // 10))
    counts = {"same": 0, "different": 0, "refused": 0}
    with tempfile.TemporaryDirectory() as folder:
        for name, base, set_, without in [*systematic(), *random_files(given.seed, given.count)]:
            if given.only not in name:
                continue
            result, details = compare(given.program, Path(folder, "tokenizer.json"), name, changed(all_bases[base], set_, without), texts, given.offsets)
            counts[result] += 1
            if result == "different":
                print(f"{name}: {len(details)} differences")
                for detail in details[: given.shown]:
                    print("  " + detail)
            elif result == "refused" and given.shown > 1:
                print(f"{name}: the package refuses it: {details[0][:150]}")
    print(f"odd files: {counts['same']} the same, {counts['different']} different, {counts['refused']} that the package refuses", flush=True)
    sys.exit(1 if counts["different"] else 0)


if __name__ == "__main__":
    main()
