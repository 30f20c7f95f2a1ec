# requires: bert llama manual prompt-tuning
# A card from training to use: trained, looked at, measured, asked; alone and mixed with others; refused where it must be.
models=$SOURCE/tests/golden/models model=$SOURCE/tests/golden/models/llama-tied
python3 <<'PYTHON'
import json, random
random.seed(1)
def rows(count):
    for _ in range(count):
        label = random.randrange(2)
        words = random.choices(["the film", "a plot", "the camera", "a scene"], k=2) + [["is bad", "is great"][label]] * 2
        yield " and ".join(random.sample(words, 4)), label
for name, count in ("train", 64), ("dev", 24):
    with open(name + ".tsv", "w") as file:
        file.writelines(f"{text}\t{label}\n" for text, label in rows(count))
task = {
    "name": "toy",
    "data": {"train": "train.tsv", "dev": "dev.tsv", "header": False, "fields": {"text": 1}, "label": 2},
    "labels": [{"name": "no", "words": ["terrible"], "values": [0]}, {"name": "yes", "words": ["great"], "values": [1]}],
    "template": "{text} It was{\"mask\"}",
}
json.dump(task, open("toy.json", "w"))
json.dump({**task, "name": "other", "template": "{text}. All in all:{\"mask\"}"}, open("other.json", "w"))
json.dump({**task, "name": "masked", "template": "{text} It was {\"mask\"}."}, open("masked.json", "w"))
PYTHON

run() { cuecard "$@" --quiet; }
run train --task toy.json --model "$model" --tuner manual --out manual.card --set verbalizer.calibrate=blank >table
grep -q 'dev accuracy' table
run train --task toy.json --model "$model" --tuner prompt-tuning --set length=4 --steps 60 --lr 0.1 --seed 3 --out soft.card --json >train.json
run train --task other.json --model "$model" --tuner prompt-tuning --set length=2 --steps 4 --out other.card --json >/dev/null
run train --task masked.json --model "$models/bert-mlm" --tuner manual --out masked.card >/dev/null

# The same seed learns the same bits.
run train --task toy.json --model "$model" --tuner prompt-tuning --set length=4 --steps 60 --lr 0.1 --seed 3 --out again.card --json >/dev/null
cmp soft.card/card.safetensors again.card/card.safetensors

run eval --card soft.card --model "$model" --task toy.json --json >eval.json
cuecard card info soft.card --json >info.json
cut -f1 dev.tsv >dev.txt
run predict --card soft.card --model "$model" --json <dev.txt >predict.json
run predict --card soft.card --model "$model" --data dev.tsv --no-header --column text=1 --column label=2 >predict-file.json
run predict --card soft.card --model "$model" --batch-size 1 <dev.txt >predict-alone.json
run fill --model "$model" --template '{text} It was{"mask"}' --topk 384 --json <dev.txt >fill.json
run predict --card manual.card --model "$model" <dev.txt >manual.json
cuecard tokenize --model "$model" ' terrible' ' great' >words.json

# Three cards in one batch, and rows that can't be used among them.
python3 -c '
import json
cards = ["toy", "other", "plain"]
for i, text in enumerate(open("dev.txt")):
    print(json.dumps({"text": text.strip(), "card": cards[i % 3]}))
print(json.dumps({"text": "x", "card": "nosuch"}))
print("{\"text\":")' >mixed.jsonl
run predict --card soft.card --card other.card --card plain=manual.card --model "$model" --json <mixed.jsonl >mixed.json 2>err
grep -q '2 of 26 rows' err
run predict --card other.card --model "$model" <dev.txt >other.json-alone
python3 <<'PYTHON'
import json, math
def lines(path):
    return [json.loads(line) for line in open(path)]
def close(a, b):
    assert a["label"] == b["label"] and a["scores"].keys() == b["scores"].keys()
    assert all(abs(a["scores"][k] - b["scores"][k]) < 1e-4 for k in a["scores"]), (a, b)

[train], [measured], [info] = lines("train.json"), lines("eval.json"), lines("info.json")
assert train["parameters"] == 4 * 48 and train["steps"] == 60 and len(train["losses"]) == 60 and not train["cancelled"]
assert sum(train["losses"][-10:]) < 0.7 * sum(train["losses"][:10]), "the loss of a learnable task falls"
assert train["forwards"] > 0 and train["rows_forwarded"] > 0
assert measured["n"] == 24 and measured["accuracy"] == train["dev"]["accuracy"] and measured["skipped"] == 0
low, high = measured["ci95"]
assert 0 <= low < measured["accuracy"] <= high <= 1
assert sum(map(sum, measured["confusion"])) == 24
assert info["tuner"]["component"] == "prompt-tuning" and info["backbone"]["family"] == "llama" and info["seed"] == 3
assert info["training"]["steps"] == 60 and info["metrics"][0]["value"] == measured["accuracy"]

rows = lines("predict.json")
summary = rows.pop()["summary"]
assert summary["rows"] == 24 and summary["unusable"] == 0
assert [row["row"] for row in rows] == list(range(24))
assert all(list(row) == ["row", "card", "label", "scores"] and row["card"] == "toy" for row in rows)
assert all(abs(sum(row["scores"].values()) - 1) < 1e-6 for row in rows)
gold = [["no", "yes"][int(line.split("\t")[1])] for line in open("dev.tsv")]
right = sum(row["label"] == label for row, label in zip(rows, gold))
assert right == measured["correct"], (right, measured)
for path in "predict-file.json", "predict-alone.json":
    for a, b in zip(rows, lines(path), strict=True):
        close(a, b)

# What a manual card divides out by calibration is a shift of the log-probabilities that `fill` shows: the same for all rows.
words = [line[0] for line in lines("words.json")]
shifts = []
for row, filled in zip(lines("manual.json"), lines("fill.json")):
    logs = {top["id"]: top["logprob"] for top in filled["slots"][0]["top"]}
    shifts.append(math.log(row["scores"]["yes"] / row["scores"]["no"]) - logs[words[1]] + logs[words[0]])
assert len(shifts) == 24 and max(shifts) - min(shifts) < 1e-4 and abs(shifts[0]) > 1e-3, shifts

mixed = lines("mixed.json")
mixed.pop()
assert [row["row"] for row in mixed] == list(range(26))
assert "nosuch" in mixed[24]["error"] and mixed[25]["error"] and mixed[24]["label"] is None
alone = {"toy": rows, "other": lines("other.json-alone"), "plain": lines("manual.json")}
for i, row in enumerate(mixed[:24]):
    assert row["card"] == ["toy", "other", "plain"][i % 3]
    close(row, alone[row["card"]][i])
PYTHON

# Several cards on the same rows are compared; rows that name their card go to it alone.
run eval --card soft.card --card plain=manual.card --model "$model" --task toy.json --json | python3 -c '
import json, sys
a, b = [json.loads(line) for line in sys.stdin]
pair = b["versus"]
assert pair["card"] == "toy" and b["card"] == "plain" and 0 <= pair["p_value"] <= 1
assert b["correct"] - a["correct"] == pair["only_this"] - pair["only_other"]'
python3 -c '
for i, line in enumerate(open("dev.tsv")):
    text, label = line.strip().split("\t")
    print(text, ["no", "yes"][int(label)], ["toy", "plain"][i % 2], sep="\t")' >named.tsv
run eval --card soft.card --card plain=manual.card --model "$model" --data named.tsv --no-header \
  --column text=1 --column label=2 --column card=3 --json | python3 -c '
import json, sys
assert [json.loads(line)["n"] for line in sys.stdin] == [12, 12]'

expect() { # CODE PATTERN WORDS...
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard "$@" --quiet >out 2>err </dev/null || status=$?
  { [ $status -eq $code ] && grep -qE -- "$pattern" err && [ "$(wc -l <err)" -eq 1 ]; } || { echo "cuecard $*: $status"; cat err; exit 1; }
}
# Another model's card, a card that was cut, one name twice.
expect 3 'bert.*llama|llama.*bert' predict --card masked.card --model "$model" x
cp -r soft.card cut.card
head -c 100 soft.card/card.safetensors >cut.card/card.safetensors
expect 3 'cut.card' predict --card cut.card --model "$model" x
expect 2 'both named' predict --card soft.card --card again.card --model "$model" x
expect 2 'Did you mean "length"' train --task toy.json --model "$model" --tuner prompt-tuning --set lenght=4 --out no.card
expect 2 'Did you mean "prompt-tuning"' train --task toy.json --model "$model" --tuner prompt-tunning --out no.card
[ -e /dev/nvidia0 ] || expect 2 'device cuda.*--device cpu' predict --card soft.card --model "$model" --device cuda x
# Bad data.
: >empty.tsv
expect 3 'empty.tsv: the data file is empty' eval --card soft.card --model "$model" --data empty.tsv
expect 3 'whole.*header|label' eval --card soft.card --model "$model" --data dev.tsv --no-header --column text=1 --column label=3
printf 'good\t1\nbad\t7\n' >unknown.tsv
expect 3 'unknown.tsv, line 2: .*"7" is none of' eval --strict --card soft.card --model "$model" --task toy.json --data unknown.tsv
expect 3 'tsv. No such file|no-such.tsv' eval --card soft.card --model "$model" --data no-such.tsv
sed 's/"template"/"templete"/' toy.json >wrong.json
expect 3 'wrong.json: unknown key "templete". Did you mean "template"' train --task wrong.json --model "$model" --tuner manual --out no.card
[ ! -e no.card ]

# Ctrl-C during training keeps the best card so far; a machine that is slow to begin gets more time.
python3 - "$model" <<'PYTHON'
import os, signal, subprocess, sys, time
for seconds in 1.5, 4, 12, 40:
    train = subprocess.Popen(["cuecard", "train", "--task", "toy.json", "--model", sys.argv[1], "--tuner", "prompt-tuning",
                              "--steps", "1000000", "--out", "stopped.card", "--quiet", "--json"],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    train.send_signal(signal.SIGINT)
    out, error = train.communicate(timeout=120)
    assert train.returncode == 130, (train.returncode, error)
    if os.path.exists("stopped.card"):
        assert '"cancelled":true' in out and "best card so far" in error, (out, error)
        break
assert os.path.exists("stopped.card/card.json")
PYTHON
run predict --card stopped.card --model "$model" 'a film' | grep -q '"label"'
