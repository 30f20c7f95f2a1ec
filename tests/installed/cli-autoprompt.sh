# requires: autoprompt bert llama manual
# labels: learning
# A search for trigger tokens; the card is a plain, readable prompt and needs no tuner.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
task = json.load(open("toy.json"))
slots = '{"trigger": None, "duplicate": 2}'
json.dump({**task, "template": "{text} It" + slots + ' was{"mask"}'}, open("search.json", "w"))
json.dump({**task, "template": "{text} It " + slots + ' was {"mask"}.'}, open("search-masked.json", "w"))
PYTHON
search() { run train --tuner autoprompt --seed 3 --batch-size 16 --set iterations=12 --set accumulation=2 --json "$@"; }
search --task search.json --model "$llama" --out found.card >train.json
search --task search-masked.json --model "$bert" --out masked.card >train-masked.json

# The same seed gives the same result.
search --task search.json --model "$llama" --out again.card >/dev/null
cuecard card info found.card --json >info.json
cuecard card info again.card --json >again.json

python3 <<'PYTHON'
import json
from same_rows import *
found, again = json.load(open("found.card/card.json")), json.load(open("again.card/card.json"))
assert found["template"]["source"] == again["template"]["source"]
for card, log in ("found", "train.json"), ("masked", "train-masked.json"):
    card, [train] = json.load(open(card + ".card/card.json")), lines(log)
    assert card["tuner"]["component"] == "manual" and not card["tuner"]["options"] and not card["tuner"]["texts"]
    assert card["training"]["settings"]["tuner"] == "autoprompt"
    assert card["training"]["settings"]["tuner.accumulation"] == 2
    source = card["template"]["source"]
    assert source.count('{"trigger": "') == 2 and "None" not in source, source
    assert train["parameters"] == 0 and train["steps"] == len(train["losses"]) == 12
    assert train["losses"][-1] < train["losses"][0], train["losses"]
# In a task file of its own, the template is a manual prompt.
for task, card in ("toy.json", "found"), ("masked.json", "masked"):
    source = json.load(open(card + ".card/card.json"))["template"]["source"]
    json.dump({**json.load(open(task)), "template": source}, open(card + ".json", "w"))
[info] = lines("info.json")
assert info["tuner"]["component"] == "manual", info
PYTHON

for card in found masked; do
  model=$llama
  [ $card = found ] || model=$bert
  run train --task $card.json --model "$model" --tuner manual --out $card-by-hand.card >/dev/null
  run predict --card $card.card --model "$model" --json <dev.txt >$card-predict.json
  run predict --card $card-by-hand.card --model "$model" --json <dev.txt >$card-by-hand.json
  run eval --card $card.card --model "$model" --task $card.json --json >$card-eval.json
done
python3 <<'PYTHON'
from same_rows import *
for card, log in ("found", "train.json"), ("masked", "train-masked.json"):
    [train], [measured] = lines(log), lines(card + "-eval.json")
    assert measured["accuracy"] == train["dev"]["accuracy"], (train["dev"], measured)
    check_all_close(without_summary(card + "-predict.json"), without_summary(card + "-by-hand.json"), 1e-9)
PYTHON

# Label words are found as well.
search --task search.json --model "$llama" --set label-words=2 --out worded.card >/dev/null
run predict --card worded.card --model "$llama" --json <dev.txt >worded.json
python3 <<'PYTHON'
import json
words = json.load(open("worded.card/card.json"))["verbalizer"]["label_words"]
assert [len(own) for own in words] == [2, 2] and words != [["terrible"], ["great"]], words
PYTHON

expect 2 'no trigger slot' train --task toy.json --model "$llama" --tuner autoprompt --out no.card
expect 2 'does not search for tokens' train --task search.json --model "$llama" --tuner manual --out no.card
[ ! -e no.card ]
