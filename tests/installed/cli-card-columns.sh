# requires: llama manual
# A card alone reads data as its task did: columns and label values. Rows keep the caller's ids, and --max-length cuts.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
rows = [line.rstrip("\n").split("\t") for line in open("dev.tsv")]
with open("named.csv", "w") as named, open("plain.jsonl", "w") as plain, open("other.csv", "w") as other:
    print("key,review,rating", file=named)
    print("body,stars", file=other)
    for number, (text, label) in enumerate(rows):
        print(f"r{number},{text},{label}", file=named)
        print(f"{text},{label}", file=other)
        print(json.dumps({"id": 100 + number, "text": text, "label": ["no", "yes"][int(label)]}), file=plain)
task = json.load(open("toy.json"))
task["data"] = {"train": "named.csv", "test": "named.csv", "fields": {"text": "review"}, "label": "rating", "id": "key"}
json.dump(task, open("named.json", "w"))
PYTHON
run train --task toy.json --model "$llama" --tuner manual --out toy.card >table
run train --task named.json --model "$llama" --tuner manual --out named.card >table
run predict --card toy.card --model "$llama" <dev.txt >texts

# The same rows, whether the columns come from the task or from the card.
run eval --card toy.card --model "$llama" --task toy.json --json >with-task
run eval --card toy.card --model "$llama" --data dev.tsv --json >alone
run eval --card named.card --model "$llama" --data named.csv --json >named
run eval --card named.card --model "$llama" --data plain.jsonl --json >plain # columns by the template's names
run predict --card toy.card --model "$llama" --data dev.tsv >from-tsv
run predict --card named.card --model "$llama" --data named.csv >from-csv
run predict --card named.card --model "$llama" --data plain.jsonl >from-jsonl
run render --card named.card --model "$llama" --data named.csv --json >rendered
run fill --card named.card --model "$llama" --data named.csv --json >filled
run generate --card named.card --model "$llama" --data named.csv --max-new-tokens 1 --json >generated
head -2 plain.jsonl | run predict --card named.card --model "$llama" >from-stream
sed 's/"text"/"review"/; s/"id"/"key"/' plain.jsonl | run predict --card named.card --model "$llama" >from-columns
cuecard card info named.card --json >info.json
python3 <<'PYTHON'
from same_rows import *
[with_task], [alone], [named], [plain] = [lines(path) for path in ("with-task", "alone", "named", "plain")]
for measured in (alone, named, plain):
    assert (measured["correct"], measured["n"], measured["confusion"]) == (with_task["correct"], 24, with_task["confusion"])
texts = lines("texts")
assert all("id" not in row for row in texts + lines("from-tsv"))
ids = {"from-csv": [f"r{i}" for i in range(24)], "from-jsonl": [str(100 + i) for i in range(24)]}
for path, expected in ids.items():
    assert [row["id"] for row in lines(path)] == expected
for path in "rendered", "filled", "generated":
    assert [row["id"] for row in lines(path) if "summary" not in row] == ids["from-csv"]
assert [row["id"] for row in lines("from-stream")] == ids["from-jsonl"][:2]
assert [row["id"] for row in lines("from-columns")] == ids["from-jsonl"]
for path in "from-tsv", "from-csv", "from-jsonl", "from-columns":
    check_all_close(lines(path), texts)
assert all(mistake["id"] == f"r{mistake['line'] - 2}" for mistake in named["mistakes"]) and named["mistakes"]
data = lines("info.json")[0]["data"]
assert data == {"fields": {"text": "review"}, "label": "rating", "id": "key", "label_values": [["0"], ["1"]]}, data
PYTHON

# What a card expects and what a file has, where they don't fit; flags go before the card, and --task before both.
expect 3 'the card "toy" expects column "review" \(text\) and column "rating" \(label\), and the file has "body", "stars"' \
  eval --card named.card --model "$llama" --data other.csv
expect 3 'expects column "review" \(text\), and the file has "body", "stars"' predict --card named.card --model "$llama" --data other.csv
run eval --card named.card --model "$llama" --data other.csv --column text=body --column label=stars >table
expect 3 'no column "review"' eval --card toy.card --model "$llama" --data other.csv --task named.json

# Flags that name no field of the template, or no column of the file.
expect 2 'the template has no field "txet". Did you mean "text"' eval --card named.card --model "$llama" --data other.csv --column txet=body --column label=stars
expect 2 'the template has no field "foo"\. Its fields: "?text"?\.' fill --model "$llama" --template '{text}{"mask"}' --column foo=body --data other.csv
expect 3 'other.csv: has no column "strs" \(--column label=strs\); it has "body", "stars". Did you mean "stars"' \
  eval --card named.card --model "$llama" --data other.csv --column text=body --column label=strs

# Cards of earlier versions don't know; the sentence says what to give.
cp -r toy.card old.card
python3 -c 'import json; card = json.load(open("old.card/card.json")); del card["data"]; json.dump(card, open("old.card/card.json", "w"))'
run eval --card old.card --model "$llama" --task toy.json >table
expect 3 'it has no label \(column "label"\)' eval --card old.card --model "$llama" --data dev.tsv

# A row that can't be used keeps its id.
printf '%s\n' '{"id": "empty", "text": ""}' '{"id": "long", "text": "a film and a plot and a scene"}' >odd.jsonl
run predict --card toy.card --model "$llama" <odd.jsonl >odd && exit 1
run predict --card toy.card --model "$llama" --data odd.jsonl >odd-file && exit 1
cmp odd odd-file
python3 -c '
from same_rows import *
empty, long = lines("odd")
assert empty["id"] == "empty" and "error" in empty and long["id"] == "long" and long["label"]'

# --max-length is that of --max-length in `render`: what is cut there changes nothing.
short='a film and'
run render --card toy.card --model "$llama" --json --max-length 12 "$short $short $short $short" | python3 -c '
import json, sys
row = json.loads(next(sys.stdin))
assert len(row["ids"]) == 12 and row["cut"] > 0'
run predict --card toy.card --model "$llama" --max-length 12 "$short $short $short $short" "$short $short $short $short $short" >cut
run predict --card toy.card --model "$llama" "$short $short $short $short" >whole
python3 -c '
from same_rows import *
four, five = lines("cut")
[whole] = lines("whole")
assert four["scores"] == five["scores"] or max(abs(four["scores"][k] - five["scores"][k]) for k in four["scores"]) < 1e-6
assert abs(four["scores"]["yes"] - whole["scores"]["yes"]) > 1e-6'
run eval --card toy.card --model "$llama" --data dev.tsv --max-length 12 --json | python3 -c '
import json, sys
assert json.loads(next(sys.stdin))["tokens_forwarded"] <= 24 * 12'
