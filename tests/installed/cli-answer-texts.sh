# requires: label-text llama manual prompt-tuning text
# labels: learning
# Cards whose answers are texts: trained from a task file, used by `predict` and `generate`.
model=$SOURCE/tests/golden/models/llama-tied
for i in 1 2 3 4 5 6; do
  echo "{\"text\": \"the film $i\", \"title\": \"so good\", \"label\": $((i % 2))}"
done >train.jsonl
cat >text.json <<'JSON'
{"data": {"train": "train.jsonl", "fields": {"text": "text"}, "answers": "title"}, "template": {"text": "{text} =", "options": {"predict-eos": true}},
 "verbalizer": {"component": "text", "options": {"max-new-tokens": 12}}}
JSON
cat >labels.json <<'JSON'
{"data": {"train": "train.jsonl", "fields": {"text": "text"}, "label": "label"}, "template": "{text} =",
 "labels": [{"name": "no", "values": [0], "words": ["not good"]}, {"name": "yes", "values": [1], "words": ["a good film"]}],
 "verbalizer": {"component": "label-text", "options": {"normalise": true, "calibrate": "blank"}}}
JSON
cuecard train --quiet --task text.json --model "$model" --tuner prompt-tuning --set length=8 --steps 120 --lr 0.1 --seed "$CUECARD_TEST_SEED" --out text.card --json >trained
cuecard train --quiet --task labels.json --model "$model" --tuner prompt-tuning --set length=3 --steps 3 --out labels.card
# The planted text is generated, and ends where it should.
cuecard predict --quiet --card text.card --model "$model" 'the film 1' 'the film 4' >found
cuecard generate --quiet --json --card text.card --model "$model" 'the film 1' >written
cuecard predict --quiet --card labels.card --model "$model" 'the film 1' >labelled
python3 - <<'PY'
import json
rows = [json.loads(line) for line in open("found")]
assert [r["text"] for r in rows] == ["so good"] * 2 and "label" not in rows[0], rows
(text,) = json.loads(open("written").readline())["texts"]
assert text["text"].strip() == "so good" and text["tokens"] < 12, text
row = json.loads(open("labelled").readline())
assert row["label"] in ("no", "yes") and abs(sum(row["scores"].values()) - 1) < 1e-6, row
PY
