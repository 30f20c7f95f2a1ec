# requires: llama manual prompt-tuning
# labels: learning
# Real text at small scale: a soft prompt trained on 128 tweets is better than a manual prompt on the frozen model.
source "$SOURCE/tests/smollm2/there"
source "$SOURCE/tests/installed/tweets" 64 30
python3 <<'PYTHON'
import json
task = json.load(open("tweets.json"))
for label in task["labels"]:
    label["words"] = [label["name"]]
del task["verbalizer"]
task["template"] = 'Tweet: {text}\nSentiment (negative or positive):{"mask"}'
json.dump(task, open("words.json", "w"))
PYTHON
cuecard compare --task words.json --model "$SMOLLM2" --tuners manual,prompt-tuning --steps 30 --batch-size 8 --json --quiet >table
python3 <<'PYTHON'
import json
manual, soft = (json.loads(line) for line in open("table"))
assert manual["n"] == soft["n"] == 60 and soft["parameters"] == 20 * 576
assert soft["losses"][-1] < soft["losses"][0]
assert soft["mean"] >= 0.75, soft["mean"]  # random guessing on 60 texts reaches this once in ten thousand runs
assert soft["mean"] > manual["mean"] + 0.1, (soft["mean"], manual["mean"])
PYTHON
