# requires: llama manual
# A causal model and a manual prompt: a card is created, evaluated and used, and calibrated as documented.
source "$SOURCE/tests/installed/toy_task"
run train --task toy.json --model "$llama" --tuner manual --out manual.card --set verbalizer.calibrate=blank >table
grep -q 'dev accuracy' table
run train --task other.json --model "$llama" --tuner manual --out other.card --json >train.json
run eval --card manual.card --model "$llama" --task toy.json --json >eval.json
run predict --card manual.card --model "$llama" --json <dev.txt >predict.json
run predict --card manual.card --model "$llama" --data dev.tsv --no-header --column text=1 --column label=2 >predict-file.json
run predict --card manual.card --model "$llama" --batch-size 1 <dev.txt >predict-alone.json
run fill --model "$llama" --template '{text} It was{"mask"}' --top-k 384 --json <dev.txt >fill.json
cuecard tokenize --model "$llama" ' terrible' ' great' >words.json
cuecard card info manual.card --json >info.json
python3 <<'PYTHON'
import math
from same_rows import *
[train], [measured], [info] = lines("train.json"), lines("eval.json"), lines("info.json")
assert train["parameters"] == 0 and train["steps"] == 0 and train["losses"] == []
assert info["tuner"]["component"] == "manual" and info["backbone"]["family"] == "llama"
rows = lines("predict.json")
summary = rows.pop()["summary"]
assert summary["rows"] == 24 and summary["skipped"] == 0
assert summary["forwards"] == 1 and summary["logits_computed"] == 24 * 2, summary
assert [row["row"] for row in rows] == list(range(24))
assert all(list(row) == ["row", "card", "label", "scores"] and row["card"] == "toy" for row in rows)
assert all(abs(sum(row["scores"].values()) - 1) < 1e-6 for row in rows)
check_measured(rows, measured)
texts, mistakes = open("dev.txt").read().splitlines(), measured["mistakes"]
assert len(mistakes) == min(20, measured["n"] - measured["correct"]) > 0, measured
for mistake in mistakes:
    row = rows[mistake["line"] - 1]
    assert row["label"] == mistake["predicted"] != mistake["gold"] and texts[row["row"]] == mistake["text"], mistake
    assert abs(row["scores"][row["label"]] - mistake["probability"]) < 1e-9, (row, mistake)
assert [m["probability"] for m in mistakes] == sorted((m["probability"] for m in mistakes), reverse=True)
for path in "predict-file.json", "predict-alone.json":
    check_all_close(without_summary(path), rows)

# Calibration shifts the log-probabilities that `fill` shows, by the same amount in all rows.
words = [line[0] for line in lines("words.json")]
shifts = []
for row, filled in zip(rows, lines("fill.json")):
    logs = {top["id"]: top["log_prob"] for top in filled["slots"][0]["top"]}
    shifts.append(math.log(row["scores"]["yes"] / row["scores"]["no"]) - logs[words[1]] + logs[words[0]])
assert len(shifts) == 24 and max(shifts) - min(shifts) < 1e-4 and abs(shifts[0]) > 1e-3, shifts
PYTHON

# Several cards are compared on the same rows; rows that name a card are evaluated by it only.
run eval --card manual.card --card plain=other.card --model "$llama" --task toy.json --json | python3 -c '
import json, sys
a, b = [json.loads(line) for line in sys.stdin]
pair = b["versus"]
assert pair["card"] == "toy" and b["card"] == "plain" and 0 <= pair["p_value"] <= 1
assert b["correct"] - a["correct"] == pair["only_this"] - pair["only_other"]'
paste dev.txt gold.txt | awk '{ print $0 "\t" (NR % 2 ? "toy" : "plain") }' >named.tsv
run eval --card manual.card --card plain=other.card --model "$llama" --data named.tsv --no-header \
  --column text=1 --column label=2 --column card=3 --json | python3 -c '
import json, sys
assert [json.loads(line)["n"] for line in sys.stdin] == [12, 12]'
