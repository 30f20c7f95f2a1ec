# requires: bert manual head p-tuning-v2 fine-tuning
# Real text at small size: deep prompts learn the sentiment of tweets from 128 of them, with MiniLM frozen, and beat its head alone.
source "$SOURCE/tests/installed/toy_task"
minilm=$SOURCE/.cache/models/minilm tweets=$SOURCE/.cache/text/tweets_GroundTruth.txt
for needed in "$minilm/model.safetensors" "$tweets"; do
  if [ ! -e "$needed" ]; then
    echo "SKIPPED: $(basename "$needed") is not there; \`./run setup\` fetches it"
    exit 77
  fi
done
python3 - "$tweets" <<'PYTHON'
import json, random, sys
rows = {0: [], 1: []}
for line in open(sys.argv[1], encoding="latin-1"):
    _, rating, text = line.rstrip("\n").split("\t", 2)
    if abs(float(rating)) >= 0.5:
        rows[int(float(rating) > 0)].append(text)
draw = random.Random(1)
for texts in rows.values():
    draw.shuffle(texts)
for name, begin, end in ("tweets.train", 0, 64), ("tweets.test", 64, 214):
    with open(name + ".jsonl", "w") as file:
        file.writelines(json.dumps({"text": text, "label": label}) + "\n" for label in rows for text in rows[label][begin:end])
json.dump({
    "name": "tweets",
    "data": {"train": "tweets.train.jsonl", "test": "tweets.test.jsonl", "fields": {"text": "text"}, "label": "label"},
    "labels": [{"name": "negative", "values": [0]}, {"name": "positive", "values": [1]}],
    "template": "{text}",
    "verbalizer": {"component": "head"},
}, open("tweets.json", "w"))
PYTHON
run compare --task tweets.json --model "$minilm" --tuners p-tuning-v2,fine-tuning --set fine-tuning.what=head --steps 60 --batch-size 16 --json >table
python3 <<'PYTHON'
import json
deep, head = (json.loads(line) for line in open("table"))
assert deep["n"] == head["n"] == 300 and deep["parameters"] > head["parameters"]
assert deep["losses"][-1] < deep["losses"][0]
assert deep["mean"] >= 0.65, deep["mean"]  # 300 guesses reach that one time in ten million
assert deep["mean"] > head["mean"], (deep["mean"], head["mean"])
PYTHON
