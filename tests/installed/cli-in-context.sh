# requires: bert in-context llama manual
# labels: learning
# Demonstrations before the input: drawn once, stored in the card, used in another process without the training file.
source "$SOURCE/tests/installed/toy_task"
for choose in seed first similar; do
  run train --task toy.json --model "$llama" --tuner in-context --set k=1 --set choose=$choose --seed 3 --json \
    --out $choose.card >train-$choose.json
done
run train --task masked.json --model "$bert" --tuner in-context --set k=1 --set verbalizer.calibrate=blank --json \
  --out masked.card >train-masked.json
run train --task toy.json --model "$llama" --tuner in-context --set k=1 --seed 4 --out other.card >/dev/null
for order in 1 2 3 4; do
  run train --task toy.json --model "$llama" --tuner in-context --set k=1 --seed 3 --set order=$order --out order$order.card >/dev/null
done

mv train.tsv gone.tsv
for card in seed first similar; do run eval --card $card.card --model "$llama" --task toy.json --json >eval-$card.json; done
run eval --card masked.card --model "$bert" --task masked.json --json >eval-masked.json
run predict --card seed.card --model "$llama" --json --batch-size 4 <dev.txt >predict.json
run predict --card seed.card --model "$llama" --json --batch-size 1 <dev.txt >alone.json
python3 <<'PYTHON'
import json
from same_rows import *
rows = [line.rstrip("\n").split("\t") for line in open("gone.tsv")]
def shown(card):
    texts = json.load(open(card + ".card/card.json"))["tuner"]["texts"]
    numbers = sorted({key.split(".")[0] for key in texts})
    return [(texts[n + ".field.text"], texts[n + ".label"]) for n in numbers]
for card in "seed", "first", "similar", "masked":
    [train], [measured] = lines(f"train-{card}.json"), lines(f"eval-{card}.json")
    assert train["parameters"] == 0 and train["dev"]["n"] == 24, train
    assert measured["accuracy"] == train["dev"]["accuracy"], (card, train["dev"], measured)
by_label = lambda label: [(text, label) for text, value in rows if value == str(["no", "yes"].index(label))]
first = sorted(by_label("no")[:1] + by_label("yes")[:1], key=lambda row: [text for text, _ in rows].index(row[0]))
assert sorted(shown("first")) == sorted(first), shown("first")
assert [label for _, label in shown("seed")].count("yes") == 1 and len(shown("seed")) == 2
assert set(shown("seed")) <= set(by_label("no") + by_label("yes"))
assert shown("seed") != shown("other"), "another seed draws others"
orders = [shown(f"order{i}") for i in (1, 2, 3, 4)]
assert all(sorted(order) == sorted(shown("seed")) for order in orders), "the same rows"
assert len({tuple(order) for order in orders}) == 2, "in another order"
assert len(shown("similar")) == 64
check_all_close(without_summary("predict.json"), without_summary("alone.json"))
[summary] = [line["summary"] for line in lines("predict.json") if "summary" in line]
assert summary["forwards"] == 6 and summary["tokens_from_cache"] >= 20 * 40, summary
PYTHON

mv gone.tsv train.tsv
expect 2 'Did you mean "choose"' train --task toy.json --model "$llama" --tuner in-context --set chose=seed --out no.card
expect 3 'the limit is' train --task toy.json --model "$llama" --tuner in-context --set k=30 --out no.card
[ ! -e no.card ]
