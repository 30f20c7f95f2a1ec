# requires: bert head manual prompt-tuning
# labels: learning
# A head on [CLS]: models with and without a pooler or a masked-LM head, alone and with a soft prompt.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
task = json.load(open("masked.json"))
task |= {"name": "head", "template": "{text}", "verbalizer": {"component": "head"}}
json.dump(task, open("head.json", "w"))
json.dump({**task, "metric": "macro-f1"}, open("macro.json", "w"))
json.dump({**task, "data": {key: value for key, value in task["data"].items() if key != "train"}}, open("untaught.json", "w"))
PYTHON
for model in bert-mlm bert-plain; do
  for tuner in manual prompt-tuning; do
    card=$model-$tuner
    run train --task head.json --model "$models/$model" --tuner $tuner --steps 120 --lr 0.02 --out $card.card --json >$card.train
    run eval --card $card.card --model "$models/$model" --task head.json --json >$card.eval
    run predict --card $card.card --model "$models/$model" <dev.txt >$card.predict
  done
done
run train --task macro.json --model "$bert" --tuner manual --steps 120 --lr 0.02 --out macro.card --json >macro.train
run eval --card macro.card --model "$bert" --task macro.json --json >macro.eval
cuecard card info macro.card --json >info
python3 <<'PYTHON'
from same_rows import *
for model, width in ("bert-mlm", 40), ("bert-plain", 32):
    for tuner, learned in ("manual", 0), ("prompt-tuning", 20 * width):
        name = f"{model}-{tuner}"
        [train], [measured] = lines(name + ".train"), lines(name + ".eval")
        assert train["parameters"] == 2 * width + 2 + learned, (name, train["parameters"])
        assert sum(train["losses"][-5:]) < 0.8 * sum(train["losses"][:5]), (name, train["losses"])
        assert measured["accuracy"] == measured["value"] == train["dev"]["accuracy"] > 0.7, (name, measured)
        check_measured(without_summary(name + ".predict"), measured)
[train], [measured], [info] = lines("macro.train"), lines("macro.eval"), lines("info")
counts = measured["confusion"]
f1 = [2 * counts[i][i] / (sum(counts[i]) + counts[0][i] + counts[1][i]) for i in (0, 1)]
assert abs(measured["value"] - sum(f1) / 2) < 1e-12 and measured["metric"] == "macro-f1"
assert train["dev"] == {"n": 24, "metric": "macro-f1", "value": measured["value"], "data": "dev.tsv"}, train["dev"]
assert info["metrics"][0]["name"] == "macro-f1" and info["metrics"][0]["ci95"] == [None, None]
PYTHON
expect 2 'this model has none' train --task head.json --model "$bert" --tuner manual --set verbalizer.pooler=yes --out no.card
expect 3 'the verbalizer "head" needs training examples' train --task untaught.json --model "$bert" --tuner manual --out no.card
[ ! -e no.card ]
