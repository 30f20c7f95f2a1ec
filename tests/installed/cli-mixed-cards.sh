# requires: llama manual prompt-tuning
# Rows of several cards share one forward pass, with the same results as from each card alone.
source "$SOURCE/tests/installed/toy_task"
run train --task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --steps 8 --lr 0.1 --out soft.card >/dev/null
run train --task other.json --model "$llama" --tuner prompt-tuning --set length=2 --steps 4 --out other.card >/dev/null
run train --task toy.json --model "$llama" --tuner manual --out manual.card --set verbalizer.calibrate=blank >/dev/null
for card in soft other manual; do run predict --card $card.card --model "$llama" <dev.txt >$card.json; done

# Rows that can't be used are among them.
python3 -c '
import json
cards = ["toy", "other", "plain"]
for i, text in enumerate(open("dev.txt")):
    print(json.dumps({"text": text.strip(), "card": cards[i % 3]}))
print(json.dumps({"text": "x", "card": "nosuch"}))
print("{\"text\":")' >mixed.jsonl
run predict --card soft.card --card other.card --card plain=manual.card --model "$llama" --json <mixed.jsonl >mixed.json 2>err && exit 1
[ $? -eq 5 ] # some rows failed
grep -q '2 of 26 examples' err
python3 <<'PYTHON'
from same_rows import *
mixed = lines("mixed.json")
summary = mixed.pop()["summary"]
assert summary["rows"] == 26 and summary["skipped"] == 2
assert summary["forwards"] == 1, "three cards in one batch are one forward pass"
assert summary["logits_computed"] == 24 * 2, summary
assert [row["row"] for row in mixed] == list(range(26))
assert "nosuch" in mixed[24]["error"] and mixed[25]["error"] and mixed[24]["label"] is None
names = ["toy", "other", "plain"]
alone = [lines("soft.json"), lines("other.json"), lines("manual.json")]
for i, row in enumerate(mixed[:24]):
    assert row["card"] == names[i % 3]
    check_close(row, alone[i % 3][i])
assert len({round(alone[card][0]["scores"]["yes"], 3) for card in range(3)}) == 3, "the cards differ"
PYTHON
