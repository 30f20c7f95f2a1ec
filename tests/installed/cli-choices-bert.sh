# requires: bert head manual p-tuning-v2
# labels: learning
# Multiple choice: alternatives from columns or a list, a head alone and with prefixes, the number of an alternative as output.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json, os, random
random.seed(3 + int(os.environ["CUECARD_TEST_SEED"]))
for name, count in ("train", 96), ("dev", 24):
    with open(name + ".jsonl", "w") as columns, open(name + "-lists.jsonl", "w") as lists:
        for _ in range(count):
            label = random.randrange(2)
            ends = ["a terrible terrible plot", "terrible the terrible"]
            ends[label] = random.choice(["a good good plot", "good the good"])
            row = {"premise": random.choice(["the film", "a plot"]), "question": "effect", "label": label}
            print(json.dumps({**row, "choice1": ends[0], "choice2": ends[1]}), file=columns)
            print(json.dumps({**row, "choice": ends}), file=lists)
task = {
    "name": "choices",
    "data": {"train": "train.jsonl", "dev": "dev.jsonl", "fields": {"premise": "premise"}, "meta": {"asks": "question"},
             "choices": {"choice": ["choice1", "choice2"]}, "label": "label"},
    "labels": [{"name": "first", "values": [0]}, {"name": "second", "values": [1]}],
    "template": "{premise} {meta.asks}: {\"choice\": \"choice\"}", "verbalizer": {"component": "choices"},
}
json.dump(task, open("choices.json", "w"))
lists = {**task["data"], "choices": {"choice": "choice"}, "dev": "dev-lists.jsonl"}
json.dump({**task, "data": lists}, open("lists.json", "w"))
json.dump({**task, "verbalizer": {"component": "head"}}, open("head.json", "w"))
json.dump({**task, "template": "{premise}"}, open("single.json", "w"))
json.dump({**task, "data": {**task["data"], "choices": {"choice": ["choice1", "choice2", "choice1"]}}}, open("three.json", "w"))
PYTHON
for tuner in manual p-tuning-v2; do
  run train --task choices.json --model "$bert" --tuner $tuner --steps 120 --lr 0.02 --out $tuner.card --json >$tuner.train
  run eval --card $tuner.card --model "$bert" --task choices.json --json >$tuner.eval
  run eval --card $tuner.card --model "$bert" --task lists.json --json >$tuner.lists
done
run predict --card manual.card --model "$bert" --data dev.jsonl --task choices.json >columns.json
sed 's/"question"/"asks"/' dev-lists.jsonl | run predict --card manual.card --model "$bert" >lines.json
python3 <<'PYTHON'
from same_rows import *
gold = [row["label"] for row in lines("dev.jsonl")]
for tuner in "manual", "p-tuning-v2":
    [train], [measured], [lists] = lines(tuner + ".train"), lines(tuner + ".eval"), lines(tuner + ".lists")
    assert measured["accuracy"] == lists["accuracy"] == train["dev"]["accuracy"] > 0.9, (train["dev"], measured, lists)
    assert measured["n"] == 24 and measured["labels"] == ["first", "second"]
[train] = lines("manual.train")
assert train["parameters"] == 40 + 1, train["parameters"]
rows = lines("columns.json")
check_all_close(lines("lines.json"), rows)
assert all(abs(sum(row["scores"].values()) - 1) < 1e-6 for row in rows)
[measured] = lines("manual.eval")
right = sum(row["label"] == ["first", "second"][label] for row, label in zip(rows, gold, strict=True))
assert right == measured["correct"], (right, measured)
PYTHON
expect 2 'labels each prompt by itself' train --task head.json --model "$bert" --tuner manual --out no.card
expect 2 'dense' train --task choices.json --model "$bert" --tuner manual --set verbalizer.dense=true --out no.card
expect 2 'the template gives one' train --task single.json --model "$bert" --tuner manual --out no.card
expect 3 'name one for each place of the list' train --task three.json --model "$bert" --tuner manual --out no.card
[ ! -e no.card ]
