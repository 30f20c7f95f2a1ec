# requires: bert llama manual template-search
# labels: learning
# Templates are mined from a text file or written by the model; the card is a plain prompt, or an ensemble of them.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
task = json.load(open("toy.json"))
json.dump({**task, "template": '{text} {"trigger"}{"mask"}'}, open("search.json", "w"))
json.dump({**task, "template": '{text} {"trigger"} {"mask"} .'}, open("search-masked.json", "w"))
open("reviews.txt", "w").write("The plot was great. It was terrible!\n{text} All in all, it is{\"mask\"}\nI call it great.\n")
PYTHON
search() { run train --tuner template-search --seed 3 --json "$@"; }
search --task search.json --model "$llama" --set max-words=3 --set candidates=6 --set rows=4 --out written.card >written.json
search --task search.json --model "$llama" --set from=reviews.txt --out mined.card >mined.json
search --task search.json --model "$llama" --set from=reviews.txt --set keep=2 --out two.card >two.json
search --task search-masked.json --model "$bert" --set from=reviews.txt --set label-words=true --out masked.card >masked-train.json
python3 <<'PYTHON'
import json
from same_rows import *
for card in "written", "mined", "two", "masked":
    card, name = json.load(open(card + ".card/card.json")), card
    assert card["tuner"]["component"] == "manual" and not card["tuner"]["texts"], name
    assert card["training"]["settings"]["tuner"] == "template-search", name
    source = card["template"]["source"]
    assert "trigger" not in source and source.startswith("{text} "), source
    assert source.count("variant") == (name == "two"), source
assert json.load(open("masked.card/card.json"))["verbalizer"]["label_words"] != [["terrible"], ["great"]]
source = json.load(open("mined.card/card.json"))["template"]["source"]
json.dump({**json.load(open("toy.json")), "template": source}, open("by-hand.json", "w"))
PYTHON
run train --task by-hand.json --model "$llama" --tuner manual --out by-hand.card >/dev/null
for card in mined by-hand two; do
  run predict --card $card.card --model "$llama" --json <dev.txt >$card-predict.json
  run eval --card $card.card --model "$llama" --task toy.json --json >$card-eval.json
done
run eval --card two.card --model "$llama" --task toy.json --vote majority --json >/dev/null
python3 <<'PYTHON'
from same_rows import *
check_all_close(without_summary("mined-predict.json"), without_summary("by-hand-predict.json"), 1e-9)
for card in "mined", "two":
    [train], [measured] = lines(card + ".json"), lines(card + "-eval.json")
    assert measured["accuracy"] == train["dev"]["accuracy"], (train["dev"], measured)
PYTHON

expect 2 "can't generate candidates" train --task search-masked.json --model "$bert" --tuner template-search --out no.card
expect 2 'no gap for template-search' train --task toy.json --model "$llama" --tuner template-search --out no.card
[ ! -e no.card ]
