# requires: llama manual prompt-tuning
# labels: learning
# A causal model and a soft prompt: a card is trained, evaluated and used; training is stopped early and by hand.
source "$SOURCE/tests/installed/toy_task"
learn() { run train --task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --seed 3 --json "$@"; }
learn --steps 60 --lr 0.1 --out soft.card >train.json

# The same seed trains the same bits.
learn --steps 60 --lr 0.1 --out again.card >/dev/null
cmp soft.card/card.safetensors again.card/card.safetensors

# Every process that loads the card gives the same results, bit for bit.
run eval --card soft.card --model "$llama" --task toy.json --json >eval.json
run predict --card soft.card --model "$llama" --json <dev.txt >predict.json
run predict --card soft.card --model "$llama" --json <dev.txt | cmp - predict.json
run predict --card soft.card --model "$llama" --batch-size 1 <dev.txt >predict-alone.json
cuecard card info soft.card --json >info.json
python3 <<'PYTHON'
from same_rows import *
[train], [measured], [info] = lines("train.json"), lines("eval.json"), lines("info.json")
assert train["parameters"] == 4 * 48 and train["steps"] == 60 and len(train["losses"]) == 60 and not train["cancelled"]
assert sum(train["losses"][-10:]) < 0.7 * sum(train["losses"][:10]), "the loss of a learnable task falls"
assert train["forwards"] > 0 and train["tokens_forwarded"] > 0
assert train["dev"]["n"] == 24 and measured["accuracy"] == train["dev"]["accuracy"] > 0.5
assert info["tuner"]["component"] == "prompt-tuning" and info["backbone"]["family"] == "llama" and info["seed"] == 3
assert info["training"]["steps"] == 60 and info["metrics"][0]["value"] == measured["accuracy"]
# Given, or the defaults; 64 rows are four steps an epoch.
settings = {"steps": 60, "learning-rate": 0.1, "batch-size": 16, "batch-tokens": 8192, "warmup": 0, "clip": 1, "evaluate-every": 4,
            "patience": 0, "optimizer": "adamw", "schedule": "linear"}
assert info["training"]["settings"] == train["settings"] == settings, (info["training"], train["settings"])
rows = without_summary("predict.json")
check_measured(rows, measured)
check_all_close(without_summary("predict-alone.json"), rows)
PYTHON

# With a learning rate that changes nothing, the second evaluation shows no gain; the reported metric is that of the saved card.
learn --steps 60 --lr 1e-12 --evaluate-every 3 --patience 1 --out early.card >train.json
run eval --card early.card --model "$llama" --task toy.json --json >eval.json
python3 <<'PYTHON'
from same_rows import *
[train], [measured] = lines("train.json"), lines("eval.json")
assert train["stopped_early"] and not train["cancelled"], train
assert train["steps"] == len(train["losses"]) == 6 and train["best_step"] in (3, 6), train
assert measured["accuracy"] == train["dev"]["accuracy"]
PYTHON

expect 2 'Did you mean "length"' train --task toy.json --model "$llama" --tuner prompt-tuning --set lenght=4 --out no.card
expect 2 'Did you mean "prompt-tuning"' train --task toy.json --model "$llama" --tuner prompt-tunning --out no.card
expect 2 'both named' predict --card soft.card --card again.card --model "$llama" x
cp -r soft.card cut.card
head -c 100 soft.card/card.safetensors >cut.card/card.safetensors
expect 3 'cut.card' predict --card cut.card --model "$llama" x
[ ! -e no.card ]

# Ctrl-C during training keeps the best card so far; a slow machine gets more time to start.
python3 - "$llama" <<'PYTHON'
import os, signal, subprocess, sys, time
for seconds in 1.5, 4, 12, 40:
    train = subprocess.Popen(["cuecard", "train", "--task", "toy.json", "--model", sys.argv[1], "--tuner", "prompt-tuning",
                              "--steps", "1000000", "--out", "stopped.card", "--quiet", "--json"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    train.send_signal(signal.SIGINT)
    out, error = train.communicate(timeout=120)
    assert train.returncode in (130, -signal.SIGINT), (train.returncode, error) # the latter before the program has its handlers
    if os.path.exists("stopped.card"):
        assert '"cancelled":true' in out and ("best card so far" in error or "was not evaluated" in error), (out, error)
        break
assert os.path.exists("stopped.card/card.json")
PYTHON
run predict --card stopped.card --model "$llama" 'a film' | grep -q '"label"'
