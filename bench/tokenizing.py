"""Our tokenizers against the `tokenizers` package, on one thread; part of bench/run.py, and can run by itself.

    tokenizing.py [--program CUECARD] [--rounds N] [--bytes N] NAME=DIR ...
    tokenizing.py --peer TOKENIZER.json FILE

DIR is a model directory with a tokenizer.json (no weights are read). Ours is the time of `cuecard tokenize` minus that
for a single line; it reads lines, computes offsets and prints ids. The package's is that of its fastest function on lines
in memory, `encode_batch_fast`, which computes no offsets. Ids of all lines are compared first.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True

import program
import texts
from measured import ratios, run, spread


def lines(most: int) -> list[str]:
    """The sentences of texts.py, repeated up to a number of bytes."""
    if (texts.SST2 / "train.tsv").exists():
        sentences = [row["text"] for row in texts.sst2("train")]
    else:
        sentences = [row["text"] for row in texts.rated()]
    chosen, size = [], 0
    while size < most:
        for sentence in sentences:
            chosen.append(sentence)
            size += len(sentence.encode()) + 1
            if size >= most:
                break
    return chosen


def peer(tokenizer_json: Path, file: Path) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True  # special tokens are plain text, as in data
    given = file.read_text(encoding="utf-8").splitlines()
    begin = time.perf_counter()
    encodings = tokenizer.encode_batch_fast(given, add_special_tokens=False)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "ids": [encoding.ids for encoding in encodings]}))


def measure(cuecard: Path, models: dict, rounds: int, most: int = 4_000_000) -> None:
    with tempfile.TemporaryDirectory() as folder:
        everything, one = Path(folder) / "lines.txt", Path(folder) / "line.txt"
        given = lines(most)
        everything.write_text("".join(line + "\n" for line in given), encoding="utf-8")
        one.write_text(given[0] + "\n", encoding="utf-8")
        megabytes = everything.stat().st_size / 1e6
        print(f"\ntokenizing {len(given)} lines, one thread, MB per second (minimum / median / maximum)")
        for name, model in models.items():
            ours, theirs = [], []
            command = [cuecard, "tokenize", "--model", model]
            for _ in range(rounds):
                start = run(command, one).seconds
                whole = run(command, everything)
                other = run([sys.executable, "-B", __file__, "--peer", Path(model) / "tokenizer.json", everything]).last
                if whole.lines != other["ids"]:
                    sys.exit(f"bench: the ids of {name} differ from the package's; times would mean nothing")
                ours.append(megabytes / (whole.seconds - start))
                theirs.append(megabytes / other["seconds"])
            print(f"  {name:<30} cuecard {spread(ours, 1):<22} tokenizers {spread(theirs, 1):<22}"
                  f" ours is {spread(ratios(ours, theirs))} times as fast", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, default=program.DEFAULT)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bytes", type=int, default=4_000_000)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("given", nargs="+")
    arguments = parser.parse_args()
    if arguments.peer:
        peer(*map(Path, arguments.given))
    else:
        measure(arguments.program, dict(pair.split("=", 1) for pair in arguments.given), arguments.rounds, arguments.bytes)


if __name__ == "__main__":
    main()
