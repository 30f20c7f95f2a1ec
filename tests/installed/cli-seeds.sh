# requires: llama manual prompt-tuning p-tuning
# labels: learning
# Several seeds, several tasks, and training that continues from a card.
source "$SOURCE/tests/installed/toy_task"
learn() { run train --model "$llama" --tuner prompt-tuning --threads 1 --json "$@"; }
fit=(--lr 0.1 --steps 12 --evaluate-every 4)

# Each seed gives the same run as alone; the best one on the development examples is kept.
for seed in 4 5 6; do
  learn --task toy.json --set length=4 "${fit[@]}" --seed $seed --out alone-$seed.card
done >alone.json
learn --task toy.json --set length=4 "${fit[@]}" --seed 4 --seeds 3 --out seeds.card >seeds.json
python3 <<'PYTHON'
import filecmp, json, statistics
alone = [json.loads(line) for line in open("alone.json")]
[both] = [json.loads(line) for line in open("seeds.json")]
dev = [run["dev"]["accuracy"] for run in alone]
assert [run["seed"] for run in both["seeds"]] == [4, 5, 6] and [run["dev"] for run in both["seeds"]] == dev, (both["seeds"], dev)
assert abs(both["dev_mean"] - statistics.mean(dev)) < 1e-12 and abs(both["dev_std"] - statistics.stdev(dev)) < 1e-12
best = dev.index(max(dev))
assert both["seed"] == 4 + best and both["losses"] == alone[best]["losses"]
assert filecmp.cmp(f"alone-{4 + best}.card/card.safetensors", "seeds.card/card.safetensors", shallow=False)
PYTHON
run train --model "$llama" --tuner prompt-tuning --task toy.json --steps 2 --seeds 2 --out table.card | grep -q 'over 2 seeds: mean'

# A few rows per label, sampled with the task file's seed: the same rows in all runs, others with another seed.
python3 <<'PYTHON'
import json
task = json.load(open("toy.json"))
for name, seed in ("few", 1), ("others", 2):
    json.dump({**task, "few_shot": {"per_label": 5, "seed": seed, "dev": {"per_label": 3}}}, open(name + ".json", "w"))
PYTHON
learn --task few.json --set length=4 "${fit[@]}" --out few.card >few.jsonl
learn --task few.json --set length=4 "${fit[@]}" --out again.card >>few.jsonl
learn --task others.json --set length=4 "${fit[@]}" --out others.card >>few.jsonl
python3 <<'PYTHON'
import json
few, again, others = (json.loads(line) for line in open("few.jsonl"))
assert few["dev"]["n"] == others["dev"]["n"] == 6, few
assert few["losses"] == again["losses"] != others["losses"]
PYTHON
cmp few.card/card.safetensors again.card/card.safetensors

# One soft prompt for two tasks: a card for each, with the same virtual tokens and the reported metrics.
learn --task toy.json --task other.json --set length=4 "${fit[@]}" --out both >both.json
cmp both/toy.card/card.safetensors both/other.card/card.safetensors
for name in toy other; do
  run eval --card both/$name.card --model "$llama" --task $name.json --json
done >measured.json
python3 <<'PYTHON'
import json
trained, measured = ([json.loads(line) for line in open(name)] for name in ("both.json", "measured.json"))
assert [run["card"] for run in trained] == ["toy", "other"]
assert [run["dev"]["accuracy"] for run in trained] == [card["accuracy"] for card in measured]
assert trained[0]["losses"] == trained[1]["losses"] and len(trained[0]["losses"]) == 12
PYTHON

# Continued training starts from the card's options and virtual tokens; a learning rate that changes nothing keeps its accuracy.
learn --task toy.json --from both/toy.card --lr 1e-12 --steps 1 --evaluate-every 1 --out on.card >on.json
python3 <<'PYTHON'
import json
[on] = [json.loads(line) for line in open("on.json")]
assert on["parameters"] == 4 * 48, on
assert on["dev"]["accuracy"] == json.loads(open("measured.json").readline())["accuracy"]
PYTHON
# Other options than the card's are a warning where its state fits them.
run train --task toy.json --model "$llama" --tuner prompt-tuning --set weight-decay=0.5 --from seeds.card --steps 1 --out decayed.card 2>err >/dev/null
grep '^cuecard: warning: --from seeds.card: .*other options: weight-decay=0.5 instead of 0; ' err >/dev/null
expect 2 'trained with the tuner "prompt-tuning"' train --task toy.json --model "$llama" --tuner manual --from seeds.card --out no.card
expect 3 '^cuecard: seeds.card: .*(doesn|don).t fit' train --task toy.json --model "$llama" --tuner prompt-tuning --set length=5 --from seeds.card --out no.card
expect 3 'made for' train --task toy.json --model "$models/llama-untied" --tuner prompt-tuning --from seeds.card --out no.card
expect 2 'one --task' train --task toy.json --task other.json --model "$llama" --tuner prompt-tuning --from seeds.card --out no
python3 <<'PYTHON'
import json
task = json.load(open("other.json"))
json.dump({**task, "name": "slots", "template": '{text} {"soft"} so{"mask"}'}, open("slots.json", "w"))
PYTHON
for tuner in prompt-tuning p-tuning; do
  expect 2 'the same number of soft slots, and the template of "slots" has 1' train --task toy.json --task slots.json --model "$llama" --tuner $tuner --out slots
done
[ ! -e slots ]
expect 3 'both named' train --task toy.json --task toy.json --model "$llama" --tuner prompt-tuning --out no
[ ! -e no.card ] && [ ! -e no ]
