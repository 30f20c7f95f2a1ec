# requires: autoprompt bert fact llama manual
# labels: learning
# A relation of LAMA: the objects in the data are the candidates, and trigger tokens around the subject are searched.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json, os, random
random.seed(4 + int(os.environ["CUECARD_TEST_SEED"]))
objects = ["it", "of", "the", "Saint Petersburg of the Neva"]
with open("relation.jsonl", "w") as file:
    for i in range(80):
        print(json.dumps({"sub_uri": f"Q{i}", "sub_label": f"subject {i}", "obj_label": random.choice(objects)}), file=file)
slots = '{"trigger": None, "duplicate": 2}'
task = {
    "name": "relation",
    "data": {"train": "relation.jsonl", "fields": {"sub_label": "sub_label"}, "label": "obj_label"},
    "split": {"dev": 0.25},
    "labels": "data",
    "verbalizer": {"component": "fact"},
}
json.dump({**task, "template": "{sub_label} " + slots + '{"mask"}'}, open("relation.json", "w"))
json.dump({**task, "template": "{sub_label} " + slots + ' {"mask"} .'}, open("relation-masked.json", "w"))
json.dump({**task, "template": '{sub_label} is{"mask"}'}, open("by-hand.json", "w"))
PYTHON
search() { run train --allow-skipped --tuner autoprompt --seed 3 --set iterations=4 --set accumulation=1 --json "$@"; }
search --task relation.json --model "$llama" --out found.card >train.json 2>told
search --task relation-masked.json --model "$bert" --out masked.card >train-masked.json 2>told-masked
run train --allow-skipped --task by-hand.json --model "$llama" --tuner manual --json --out by-hand.card >train-by-hand.json 2>told-by-hand
for card in found by-hand; do
  run eval --allow-skipped --card $card.card --model "$llama" --task relation.json --data relation.jsonl --json >$card-eval.json
done
python3 <<'PYTHON'
import json
from same_rows import *
for card in "found", "masked", "by-hand":
    card = json.load(open(card + ".card/card.json"))
    assert card["labels"] == sorted(["it", "of", "the", "Saint Petersburg of the Neva"]), card["labels"]
    assert card["tuner"]["component"] == "manual" and card["verbalizer"]["component"] == "fact"
long = sum("Neva" in line for line in open("relation.jsonl"))
for card in "found", "by-hand":
    [measured] = lines(card + "-eval.json")
    assert measured["n"] == 80 - long, (measured, long)
for told in "told", "told-masked":
    text = open(told).read()
    assert "Saint Petersburg" in text and "tokens of the model's vocabulary" in text, text
PYTHON
