"""Counts how often Cuecard's metrics differ from sacreBLEU's, rouge-score's, seqeval's and those of SQuAD's script, on random texts
of all of Unicode. Zero is the aim.

    python tests/golden/metrics/compare_metrics.py --program BUILD/bin/cuecard-measure-lines [--count 3000] [--seed 1]
"""

import argparse
import json
import random
import re
import string
import subprocess
import sys
import unicodedata
import warnings
from collections import Counter

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF
from seqeval.metrics import f1_score

WORDS = ["the", "a", "an", "The", "A", "cat", "Cat", "sat", "mat", "on", "there", "film", "10", "3.5", "1,000", "e.g.", "it's", "x-y", "2-3", "&amp;", "&lt;b&gt;",
         "ΟΔΟΣ", "ΣΑΣ", "İstanbul", "ıI", "\u212a", "ß", "ẞ", "é", "e\u0301", "a\u0301", "日本", "привет", "½", "²", "Ⅷ", "٣", "<skipped>", "so-\ncalled", "the—a", "\u00e0a", "_the_"]  # fmt: skip
BLANKS = [" ", " ", " ", " ", "  ", "\n", "\t", "\r\n", "-\n", "\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", "\x1c", "\x1f", "\u200b", "\u202f", "\u180e", "\ufeff", "", ".", ",", "'", "-", "–", "…", "。", "«", "$", "€"]  # fmt: skip


def character(chance):
    while True:
        code = chance.choice([chance.randint(0, 0x2FF), chance.randint(0, 0x33FF), chance.randint(0, 0x2FFFF)])
        if unicodedata.category(chr(code)) not in ("Cs", "Cn"):  # the versions of Unicode differ in what is assigned
            return chr(code)


def text(chance):
    parts = []
    for _ in range(chance.randint(0, 12)):
        odd = "".join(character(chance) for _ in range(chance.randint(1, 3)))
        parts += [chance.choice(WORDS) if chance.random() < 0.8 else odd, chance.choice(BLANKS)]
    return "".join(parts)


def changed(chance, given):
    """Much the same text."""
    if chance.random() < 0.2:
        return text(chance)
    pieces = re.split("(?<= )", given)
    for _ in range(chance.randint(0, 3)):
        pieces[chance.randrange(len(pieces))] = chance.choice([*WORDS, *BLANKS])
    return chance.choice(["", " ", "\u00a0", "\n"]) + "".join(pieces) + chance.choice(["", " ", "\u3000", "\x1e"])


def every_character(step):
    """Beside an article, in a number and as a blank: each character of Unicode once, of letters without case one of a hundred. With
    a step, some of them."""
    rare = ("Cs", "Cn", "Co")
    kinds = [(chr(code), unicodedata.category(chr(code))) for code in range(0x110000)]
    all_ = [one for one, kind in kinds if kind not in rare and (kind != "Lo" or ord(one) % 100 == 0)][::step]
    for at in range(0, len(all_), 40):
        block = all_[at : at + 40]
        texts = [f"x the{one}cat 1{one}.{one}2 I{one} {one}" for one in block]
        yield {"texts": texts, "references": [[f"x the cat 1 . 2 i{one}", f"x{one}cat 1.2 k{one.lower()}"] for one in block]}


def examples(seed, count):
    chance = random.Random(seed)
    for _ in range(count):
        number = chance.randint(1, 3)
        texts = [text(chance) for _ in range(number)]
        yield {"texts": texts, "references": [[changed(chance, one) for _ in range(chance.randint(1, 3))] for one in texts]}


def sentences(seed, count):
    chance = random.Random(seed)
    for _ in range(count):
        types = chance.choice([["PER", "LOC"], ["Ö", "é", "e\u0301"], ["a-b", "b", "\u00a0"], ["I", "B-x", "日"]])
        tags = ["O"] + [f"{place}-{type}" for place in chance.choice(["BI", "I", "IE", "BIES"]) for type in types]
        gold = [[chance.choice(tags) for _ in range(chance.randint(1, 9))] for _ in range(3)]
        predicted = [[tag if chance.random() < 0.7 else chance.choice(tags) for tag in row] for row in gold]
        yield {"predicted": predicted, "gold": gold}


def normalized(answer):
    """normalize_answer of SQuAD's evaluation script, version 1.1: its steps in its order."""
    answer = "".join(one for one in answer.lower() if one not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", answer).split())


def squad_f1(answer, truth):
    words, wanted = normalized(answer).split(), normalized(truth).split()
    same = sum((Counter(words) & Counter(wanted)).values())
    return 2 * same / (len(words) + len(wanted)) if same else 0


ROUGE = RougeScorer(["rougeL"], use_stemmer=False)


def expected(request):
    if "gold" in request:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {"entity-f1": f1_score(request["gold"], request["predicted"], zero_division=0)}
    texts, references = request["texts"], request["references"]
    longest = max(map(len, references))
    streams = [[row[at] if at < len(row) else None for row in references] for at in range(longest)]
    mean = lambda values: sum(values) / len(texts)
    best = lambda measure: mean(max(measure(one, reference) for reference in row) for one, row in zip(texts, references))
    return {
        "bleu": BLEU().corpus_score(texts, streams).score / 100,
        "chrf": CHRF().corpus_score(texts, streams).score / 100,
        "rouge-l": mean(ROUGE.score_multi(row, one)["rougeL"].fmeasure for one, row in zip(texts, references)),
        "exact-match": best(lambda one, reference: one.strip() == reference.strip()),
        "squad-em": best(lambda one, reference: normalized(one) == normalized(reference)),
        "squad-f1": best(squad_f1),
    }


def compare(program, requests):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    answers = subprocess.run([program], input=lines.encode(), capture_output=True)
    if answers.returncode != 0:
        sys.exit(f"{program}: {answers.stderr.decode()}")
    differences = 0
    for request, line in zip(requests, answers.stdout.decode().rstrip("\n").split("\n")):
        ours, theirs = json.loads(line), expected(request)
        wrong = [name for name, value in theirs.items() if abs(ours[name] - value) > 1e-9]
        differences += bool(wrong)
        if wrong and differences <= 5:
            print(f"{request!r}" + "".join(f"\n  {name}: ours {ours[name]}, theirs {theirs[name]}" for name in wrong))
    return differences


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--step", type=int, default=1, help="of all characters, one in so many")
    given = parser.parse_args()
    requests = [*every_character(given.step), *examples(given.seed, given.count), *sentences(given.seed, given.count)]
    differences = compare(given.program, requests)
    print(f"metrics: {differences} differences in {len(requests)} comparisons", flush=True)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
