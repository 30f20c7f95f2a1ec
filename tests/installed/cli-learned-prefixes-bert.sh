# requires: bert manual p-tuning-v2 prefix-tuning
# Prefixes in every layer: learned, measured, used, and described, out of a network and directly.
source "$SOURCE/tests/installed/learned_task"
learn prefix "$bert" masked.json prefix-tuning --set length=4 --set mid-dim=32
grep -q '"learned rows count as positions"' prefix.card/card.json
learn direct "$bert" masked.json prefix-tuning --set length=3 --set projection=false --set count-positions=false
grep -q '"prefixes do not count as positions"' direct.card/card.json
learn deep "$bert" masked.json p-tuning-v2 --set length=6
expect 2 'Did you mean "length"' train --task masked.json --model "$bert" --tuner prefix-tuning --set lenght=4 --out no.card

# Both in one batch are one forward pass and come out as alone.
python3 -c '
import json
for i, text in enumerate(open("dev.txt")):
    print(json.dumps({"text": text.strip(), "card": ["prefix", "deep"][i % 2]}))' >mixed.jsonl
run predict --card prefix=prefix.card --card deep=deep.card --model "$bert" --json <mixed.jsonl >mixed.json
for card in prefix deep; do run predict --card $card.card --model "$bert" <dev.txt >$card.json; done
python3 <<'PYTHON'
from same_rows import *
mixed = lines("mixed.json")
assert mixed.pop()["summary"]["forwards"] == 1
alone = [lines("prefix.json"), lines("deep.json")]
for i, row in enumerate(mixed):
    check_close(row, alone[i % 2][i])
PYTHON
