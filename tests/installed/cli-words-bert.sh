# requires: bert head manual prompt-tuning
# labels: learning
# Labels of words: columns as input, a head alone and with a soft prompt, entity metrics, a label for every word as output.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json, os, random
random.seed(2 + int(os.environ["CUECARD_TEST_SEED"]))
kinds = {"the": "O", "film": "B-THING", "very": "B-VERDICT", "bad": "I-VERDICT"}
for name, count in ("train", 96), ("dev", 24):
    with open(name + ".conll", "w") as file:
        for _ in range(count):
            file.writelines(f"{word} {kinds[word]}\n" for word in random.choices(list(kinds), k=random.randint(1, 8)))
            file.write("\n")
task = {
    "name": "words", "data": {"train": "train.conll", "dev": "dev.conll", "words": {"words": 1}, "label": 2},
    "labels": ["O", "B-THING", "B-VERDICT", "I-VERDICT"], "template": "{words}", "verbalizer": {"component": "words"},
    "metric": "entity-f1",
}
json.dump(task, open("words.json", "w"))
json.dump({**task, "metric": "macro-f1"}, open("macro.json", "w"))
json.dump({**task, "metric": "accuracy"}, open("shares.json", "w"))
json.dump({**task, "data": {**task["data"], "label": 2}, "verbalizer": {"component": "head"}, "metric": "accuracy"}, open("head.json", "w"))
json.dump({**json.load(open("masked.json")), "verbalizer": {"component": "words"}, "template": "{text}"}, open("rows.json", "w"))
json.dump({**task, "labels": ["O", {"name": "thing", "values": ["B-THING"]}, "B-VERDICT", "I-VERDICT"]}, open("names.json", "w"))
PYTHON
for tuner in manual prompt-tuning; do
  run train --task words.json --model "$bert" --tuner $tuner --steps 160 --lr 0.05 --out $tuner.card --json >$tuner.train
  run eval --card $tuner.card --model "$bert" --task words.json --json >$tuner.eval
  run eval --card $tuner.card --model "$bert" --task macro.json --json >$tuner.macro
done
run eval --card manual.card --model "$bert" --task words.json >table
run compare --task shares.json --model "$bert" --tuners manual --steps 20 --lr 0.05 --json >compared
run predict --card manual.card --model "$bert" 'the film the very bad' >text.json
echo '{"words": ["the", "film", "the", "very", "bad"]}' | run predict --card manual.card --model "$bert" >list.json
run predict --card manual.card --model "$bert" 'film' >one.json
python3 <<'PYTHON'
from same_rows import *
for tuner in "manual", "prompt-tuning":
    [train], [measured], [macro] = lines(tuner + ".train"), lines(tuner + ".eval"), lines(tuner + ".macro")
    assert train["parameters"] == 4 * 40 + 4 + (20 * 40 if tuner == "prompt-tuning" else 0), train["parameters"]
    assert train["dev"] == {"n": 24, "metric": "entity-f1", "value": 1.0, "data": "dev.conll"}, train["dev"]
    assert measured["metric"] == "entity-f1" and measured["value"] == measured["precision"] == measured["recall"] == 1
    assert measured["n"] == 24 and measured["words"] == sum(map(sum, measured["confusion"])) > 24
    assert measured["accuracy"] == 1 and "ci95" not in measured
    assert set(measured["types"]) == {"THING", "VERDICT"}
    assert all(type["f1"] == 1 and type["gold"] == type["correct"] > 5 for type in measured["types"].values())
    assert macro["metric"] == "macro-f1" and set(macro["by_label"]) == set(macro["labels"]), macro
[compared] = lines("compared")
assert compared["metric"] == "accuracy" and "ci95" not in compared, compared # words of a sentence are no independent draws
labels = ["O", "B-THING", "O", "B-VERDICT", "I-VERDICT"]
assert lines("text.json")[0]["labels"] == lines("list.json")[0]["labels"] == labels
assert lines("one.json")[0]["labels"] == ["B-THING"]
PYTHON
grep -q 'entity-f1' table
expect 3 'one for each word, but the verbalizer "head" predicts one' train --task head.json --model "$bert" --tuner manual --out no.card
expect 3 'one label per example, but the verbalizer "words"' train --task rows.json --model "$bert" --tuner manual --out no.card
expect 2 'B-PER, I-PER and O, but one is "thing"' train --task names.json --model "$bert" --tuner manual --out no.card
[ ! -e no.card ]
