"""Random tags in several schemes, with the counts of conlleval's rules, implemented as in that program: a list of
pairs of tags that end a chunk and one of pairs that begin a chunk, applied word by word. Python's standard library only."""

import json
import random
from pathlib import Path

HERE = Path(__file__).resolve().parent

# (tag before, tag) -> the chunk before ends / a chunk begins. As in conlleval.pl (2004-01-26), for its tags B I E O.
ENDS = {"BB", "BO", "IB", "IO", "EE", "EI", "EO"}
BEGINS = {"BB", "IB", "OB", "OI", "EE", "EI", "OE"}


def parts(tag):
    place, _, kind = tag.partition("-")
    return place, kind


def ends(before, tag):
    (place, kind), (next_place, next_kind) = parts(before), parts(tag)
    return place + next_place in ENDS or (place != "O" and kind != next_kind)


def begins(before, tag):
    (place, kind), (next_place, next_kind) = parts(before), parts(tag)
    return place + next_place in BEGINS or (next_place != "O" and kind != next_kind)


def count(predicted_sentences, gold_sentences):
    counts = {}
    add = lambda kind, key: counts.setdefault(kind, {"correct": 0, "predicted": 0, "gold": 0}).__setitem__(
        key, counts[kind][key] + 1)
    inside, predicted_before, gold_before = False, "O", "O"
    kind = ""
    for predicted, gold in zip(predicted_sentences, gold_sentences):
        for guess, truth in zip(predicted + ["O"], gold + ["O"]):  # an empty line counts as O
            if inside:
                both_end = ends(gold_before, truth) and ends(predicted_before, guess)
                same = parts(predicted_before)[1] == parts(gold_before)[1]
                if both_end and same:
                    inside = False
                    add(kind, "correct")
                elif ends(gold_before, truth) != ends(predicted_before, guess) or parts(guess)[1] != parts(truth)[1]:
                    inside = False
            if begins(gold_before, truth) and begins(predicted_before, guess) and parts(guess)[1] == parts(truth)[1]:
                inside, kind = True, parts(truth)[1]
            if begins(gold_before, truth):
                add(parts(truth)[1], "gold")
            if begins(predicted_before, guess):
                add(parts(guess)[1], "predicted")
            predicted_before, gold_before = guess, truth
    return counts


def sentences(draw, places, number):
    tags = ["O"] + [f"{place}-{kind}" for place in places for kind in ("PER", "LOC")]
    return [[draw.choice(tags) for _ in range(draw.randrange(1, 9))] for _ in range(number)]


def spoiled(draw, rows, places):
    tags = ["O"] + [f"{place}-{kind}" for place in places for kind in ("PER", "LOC")]
    return [[tag if draw.random() < 0.75 else draw.choice(tags) for tag in row] for row in rows]


def main() -> None:
    draw = random.Random(7)
    cases = []
    for places in ("BI", "I", "IE"):  # E and B together are no scheme that conlleval knows
        gold = sentences(draw, places, 40)
        predicted = spoiled(draw, gold, places)
        cases.append({"places": places, "gold": gold, "predicted": predicted, "counts": count(predicted, gold)})
    (HERE / "entities.json").write_text(json.dumps(cases, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
