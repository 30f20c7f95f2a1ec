# requires: bert manual head p-tuning-v2 fine-tuning
# labels: learning
# Real text at small scale: per-layer prefixes learn the sentiment of 128 tweets, with MiniLM frozen, and beat its head alone.
minilm=$SOURCE/.cache/models/minilm
if [ ! -e "$minilm/model.safetensors" ]; then
  echo "SKIPPED: minilm is not there; \`./run setup\` fetches it"
  exit 77
fi
source "$SOURCE/tests/installed/tweets" 64 150
cuecard compare --quiet --task tweets.json --model "$minilm" --tuners p-tuning-v2,fine-tuning --set fine-tuning.what=head --steps 60 --batch-size 16 --json >table
python3 <<'PYTHON'
import json
deep, head = (json.loads(line) for line in open("table"))
assert deep["n"] == head["n"] == 300 and deep["parameters"] > head["parameters"]
assert deep["losses"][-1] < deep["losses"][0]
assert deep["mean"] >= 0.65, deep["mean"]  # random guessing on 300 texts reaches this once in ten million runs
assert deep["mean"] > head["mean"], (deep["mean"], head["mean"])
PYTHON
