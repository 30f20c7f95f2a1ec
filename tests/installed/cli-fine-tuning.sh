# requires: bert llama manual prompt-tuning fine-tuning
# labels: learning
# The baseline: a card with its own model weights, and one call with it and a card without.
source "$SOURCE/tests/installed/toy_task"
run train --task toy.json --model "$llama" --tuner fine-tuning --lr 2e-3 --steps 60 --out weights.card --json >train.json
run train --task toy.json --model "$llama" --tuner prompt-tuning --set length=3 --steps 3 --out soft.card --json >/dev/null
run train --task masked.json --model "$bert" --tuner fine-tuning --set what=bias --steps 10 --out bias.card --json >bias.json
run eval --card weights.card --model "$llama" --task toy.json --json >eval.json
python3 - >mixed.jsonl <<'PYTHON'
import json
for number, line in enumerate(open("dev.txt")):
    print(json.dumps({"text": line.strip(), "card": ["weights", "soft"][number % 2]}))
PYTHON
run predict --card weights=weights.card --card soft=soft.card --model "$llama" --json <mixed.jsonl >mixed.json
for card in weights soft; do
  run predict --card $card=$card.card --model "$llama" --json <dev.txt >$card.json
done
cuecard card info weights.card | grep -q 'this card holds .* weights' || grep -q 'this card holds .* weights' weights.card/card.json
python3 <<'PYTHON'
from same_rows import *
[train], [measured], [bias] = lines("train.json"), lines("eval.json"), lines("bias.json")
assert train["parameters"] == train["frozen_parameters"] and bias["parameters"] < bias["frozen_parameters"] / 10
assert measured["accuracy"] == train["dev"]["accuracy"] > 0.8, measured
alone = {card: without_summary(card + ".json") for card in ("weights", "soft")}
expected = [alone[row["card"]][number] for number, row in enumerate(without_summary("mixed.json"))]
check_all_close(without_summary("mixed.json"), expected)
PYTHON
expect 2 'dtype float32' train --task toy.json --model "$llama" --tuner fine-tuning --dtype bfloat16 --out no.card
expect 2 'what=all' train --task toy.json --model "$llama" --tuner fine-tuning --set what=bias --out no.card
expect 2 'choose a verbalizer with a head' train --task toy.json --model "$llama" --tuner fine-tuning --set what=head --out no.card
[ ! -e no.card ]
