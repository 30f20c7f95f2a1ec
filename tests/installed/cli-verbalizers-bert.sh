# requires: automatic bert knowledgeable manual prototypical rules soft
# labels: learning
# Verbalizers that search, train or combine label words: trained, evaluated, used from the saved card, alone and in one batch.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
task = json.load(open("masked.json"))
def write(name, options={}, **changes):
    json.dump({**task, "name": name, "verbalizer": {"component": name, "options": options}} | changes, open(name + ".json", "w"))
write("automatic", {"words-per-label": 3, "calibrate": "train"})
write("soft")
write("knowledgeable", {"words": "words.txt", "frequency": 0.1, "relevance": 0.5})
write("prototypical", {"epochs": 60})
labels = [{**label, "words": words} for label, words in zip(task["labels"], (["film", "bad"], ["plot", "great"]))]
write("rules", {"calibrate": "train"}, labels=labels, template="{text} A {\"mask\"} is {\"mask\"}.")
json.dump({**json.load(open("rules.json")), "labels": task["labels"]}, open("unruly.json", "w"))
open("words.txt", "w").write("terrible,bad,awful,unheardofword\ngreat,good,the,bad\n")
open("short.txt", "w").write("terrible\n")
PYTHON
verbalizers="automatic knowledgeable prototypical rules soft"
for name in $verbalizers; do
  run train --task $name.json --model "$bert" --tuner manual --steps 60 --lr 0.02 --out $name.card --json >$name.train
done
# The task file's path is relative to the task file, that of --set to the working directory.
mkdir elsewhere
(cd elsewhere && run train --task ../knowledgeable.json --model "$bert" --tuner manual --steps 1 --out from.card)
(cd elsewhere && expect 3 'words.txt' train --task ../knowledgeable.json --model "$bert" --tuner manual --steps 1 --set verbalizer.words=words.txt --out no.card)
rm words.txt # a card doesn't need it
cards=
for name in $verbalizers; do
  run eval --card $name.card --model "$bert" --task $name.json --json >$name.eval
  run predict --card $name.card --model "$bert" <dev.txt >$name.predict
  cards="$cards --card $name.card"
done
python3 -c '
import json, sys
names = sys.argv[1:]
for i, text in enumerate(open("dev.txt")):
    print(json.dumps({"text": text.strip(), "card": names[i % len(names)]}))' $verbalizers >mixed.jsonl
run predict $cards --model "$bert" --json <mixed.jsonl >mixed.json
python3 - $verbalizers <<'PYTHON'
import sys
from same_rows import *
names = sys.argv[1:]
alone = {}
for name in names:
    [measured] = lines(name + ".eval")
    alone[name] = without_summary(name + ".predict")
    check_measured(alone[name], measured)
    [train] = lines(name + ".train")
    learned = {"soft": 2 * 40, "knowledgeable": train["parameters"]}
    assert train["parameters"] == learned.get(name, 0), (name, train["parameters"])
for name, least in ("prototypical", 0.7), ("soft", 0.7), ("automatic", 0.6):
    assert lines(name + ".eval")[0]["accuracy"] > least, (name, lines(name + ".eval"))
[train], [measured] = lines("prototypical.train"), lines("prototypical.eval")
assert train["dev"]["accuracy"] == measured["accuracy"], "the card is measured as it stands"
mixed = lines("mixed.json")
assert mixed.pop()["summary"]["forwards"] == 1, "five cards in one batch are one forward pass"
for i, row in enumerate(mixed):
    check_close(row, alone[names[i % len(names)]][i])
words = {name: json.load(open(name + ".card/card.json"))["verbalizer"]["texts"] for name in ("automatic", "knowledgeable")}
assert all(len(text.split("\n")) == 3 for text in words["automatic"].values()), words
given = {"no": "terrible bad awful unheardofword", "yes": "great good the bad"}
for label, text in given.items(): # filters take words away, and never the last
    kept = words["knowledgeable"][f"words of {label}"].split("\n")
    assert 0 < len(kept) < 4 and set(kept) < set(text.split()), words
PYTHON
expect 2 'the template has 2 answer slots, but the verbalizer "rules" needs 1' train --task unruly.json --model "$bert" --tuner manual --out no.card
expect 3 'words.txt' train --task knowledgeable.json --model "$bert" --tuner manual --out no.card
expect 3 'short.txt: has 1 lines of label words' train --task knowledgeable.json --model "$bert" --tuner manual --set verbalizer.words=short.txt --out no.card
[ ! -e no.card ]
