"""A long text beside a short one: evaluation of a prompt of almost 2,048 and of almost 8,192 tokens in our program
and in transformers, with time and resident memory; part of bench/run.py."""

import statistics
import sys

import texts
from limit import Share
from measured import ratios, run, spread

TOKENS = (2048, 8192)


def text_of(bench, sentences: list[str], most: int) -> str:
    """Sentences one after the other, almost as many as a prompt of `most` tokens has room for: its template needs some, and a sentence
    that follows another may have one more token."""
    lines = bench.home / "sentences.txt"
    lines.write_text("".join(sentence + "\n" for sentence in sentences), encoding="utf-8")
    room = most * 0.97 - 16
    for count, ids in enumerate(run([bench.cuecard.path, "tokenize", "--model", bench.model], lines).lines):
        room -= len(ids)
        if room < 0:
            return " ".join(sentences[:count])
    sys.exit(f"bench: the sentences have too few tokens for a text of {most}")


def measure(bench, template: str, peers: list) -> None:
    label, task, card = "positive", bench.task[bench.train], bench.home / "manual.card"
    bench.cuecard.train(task, bench.model, card, "manual")
    rows = texts.sst2("train") if (texts.SST2 / "train.tsv").exists() else texts.rated()
    sentences = [row["text"] for row in rows[: TOKENS[-1]]]  # a token each at least
    short = {"text": "a warm and funny film", "label": 1}
    alone = texts.write([short], bench.home / "short.jsonl")

    def theirs_of(data):
        return run([*peers, "eval", "--model", bench.model, "--data", data, "--template", template, "--words", " negative", " positive",
                    "--threads", bench.threads, "--batch", 1])

    rest = [once.megabytes for once in (bench.cuecard.evaluate(card, bench.model, alone, task), theirs_of(alone))]
    print(f"\nevaluation of one long text, float32, seconds (minimum / median / maximum); a short text alone takes {rest[0]:.0f} MB, and "
          f"{rest[1]:.0f} MB in transformers")
    for most in TOKENS:
        data = texts.write([short, {"text": text_of(bench, sentences, most), "label": 1}], bench.home / f"long-{most}.jsonl")
        prompts = bench.cuecard.prompts(bench.model, data, True, "--template", template)
        ours, theirs, memory, share = [], [], ([], []), Share(bench.machine, bench.model)
        for turn in range(bench.rounds):
            result = bench.cuecard.evaluate(card, bench.model, data, task)
            ours.append(result.last["seconds"])
            memory[0].append(result.megabytes)
            share.add(prompts.work(result.last, 2), ours[-1])
            peer = theirs_of(data)
            theirs.append(peer.last["seconds"])
            memory[1].append(peer.megabytes)
            if turn == 0:
                bench.report(f"a text of {max(prompts.lengths)} tokens, probability of the second label",
                             bench.cuecard.predict(card, bench.model, data, task, label), [p[1] for p in peer.last["probabilities"]], 1e-3)
        print(f"  {max(prompts.lengths):,} tokens: cuecard {spread(ours)} s, {statistics.median(memory[0]):.0f} MB; transformers (sdpa) {spread(theirs)} s, "
              f"{statistics.median(memory[1]):.0f} MB; ours is {spread(ratios(theirs, ours))} times as fast")
        share.show()
