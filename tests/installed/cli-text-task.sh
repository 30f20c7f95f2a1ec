# requires: llama manual prompt-tuning prefix-tuning text
# labels: learning
# A task whose answers are texts, several per input: trained, evaluated on development examples and by `eval`.
model=$SOURCE/tests/golden/models/llama-tied
run() { cuecard "$@" --quiet; }
cat >train.csv <<'CSV'
mr,ref
"name[Alimentum], area[city]",the long film
"name[Blue], area[river]",the long film
"name[Blue], area[city]",the long film
CSV
cat >dev.csv <<'CSV'
mr,ref
"name[Blue], area[city]",the long film
"name[Blue], area[city]",a film
"name[Alimentum]",never written
CSV
cat >task.json <<'JSON'
{"data": {"train": "train.csv", "dev": "dev.csv", "fields": {"facts": "mr"}, "answers": "ref"},
 "template": {"text": "{facts}{\"mask\"}", "options": {"predict-eos": true}},
 "verbalizer": {"component": "text", "options": {"max-new-tokens": 8}}, "metric": "chrf"}
JSON
run train --task task.json --model "$model" --tuner prompt-tuning --steps 120 --lr 0.1 --seed "$CUECARD_TEST_SEED" --set length=8 --out text.card --json >trained
run eval --card text.card --model "$model" --task task.json --json >measured
sed 's/"chrf"/"exact-match"/' task.json >exact.json
run eval --card text.card --model "$model" --task exact.json --json >exact
run compare --task task.json --model "$model" --tuners manual,prompt-tuning,prefix-tuning --steps 120 --lr 0.1 --seed "$CUECARD_TEST_SEED" --set length=8 \
  --set prefix-tuning.projection=false --json >compared
run predict --card text.card --model "$model" --data dev.csv --column facts=mr >predicted
printf '{"facts": "name[Blue], area[city]", "right": ["the long film", "a film"]}\n{"facts": "x", "right": null}\n' >rows.jsonl
run eval --card text.card --model "$model" --data rows.jsonl --column facts=facts --column references=right --allow-skipped --json >several 2>told
python3 - <<'PY'
import json
def lines(name):
    return [json.loads(line) for line in open(name)]
[trained], [measured], [exact], [several] = lines("trained"), lines("measured"), lines("exact"), lines("several")
texts = [row["text"] for row in lines("predicted") if "text" in row]
assert texts[0] == "the long film", texts
assert measured["n"] == 2 and measured["metric"] == "chrf" and measured["value"] == trained["dev"]["value"], measured
assert trained["dev"]["n"] == 2 and trained["dev"]["metric"] == "chrf"
assert measured["value"] == measured["by_metric"]["chrf"] and measured["correct"] == 1
assert exact["value"] == exact["by_metric"]["exact-match"] == 0.5 and exact["ci95"][0] < 0.5 < exact["ci95"][1]
assert set(exact["by_metric"]) == {"exact-match", "bleu", "rouge-l", "chrf", "squad-em", "squad-f1"}
plain, learned, prefix = lines("compared")
assert prefix["mean"] > plain["mean"]
assert learned["mean"] == measured["value"] > plain["mean"]
assert learned["by_metric"] == measured["by_metric"] and plain["by_metric"]["chrf"] == plain["mean"]
assert several["n"] == 1 and several["skipped"] == 1 and several["correct"] == 1, several
assert "line 2: it has no reference text" in open("told").read()
PY

refused() { # CODE PATTERN ARGUMENTS...
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard "$@" >out 2>err </dev/null || status=$?
  { [ $status -eq "$code" ] && grep -qE -- "$pattern" err; } || { echo "$*: $status"; cat err; exit 1; }
}
sed 's/"chrf"/"macro-f1"/' task.json >labels.json
refused 2 'measures labels, but the verbalizer predicts texts' eval --card text.card --model "$model" --task labels.json
# The card knows which column holds the references; one that doesn't must be told.
cuecard eval --card text.card --model "$model" --data dev.csv --json --quiet >alone
cuecard eval --card text.card --model "$model" --task task.json --data dev.csv --json --quiet >told
python3 -c '
import json
alone, told = json.load(open("alone")), json.load(open("told"))
assert alone["by_metric"] == told["by_metric"] and alone["n"] == told["n"] > 0, (alone, told)'
# References are what is scored, so a file that has them needs no answers.
sed 's/"answers": "ref"/"answers": "ref", "references": "refs"/' task.json >references.json
printf 'mr,refs\n"name[Blue], area[city]",the long film\n' >references.csv
cuecard eval --card text.card --model "$model" --task references.json --data references.csv --json --quiet >scored
python3 -c '
import json
scored = json.load(open("scored"))
assert scored["n"] == scored["correct"] == 1, scored'
cp -r text.card old.card
python3 -c 'import json; card = json.load(open("old.card/card.json")); del card["data"]; json.dump(card, open("old.card/card.json", "w"))'
refused 2 'which column holds the reference text' eval --card old.card --model "$model" --data dev.csv --column facts=mr
