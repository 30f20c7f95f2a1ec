# requires: llama manual
# Prediction in float32 has its weights in memory once, mapped, and little else; shared pages count.
source "$SOURCE/tests/smollm2/there"
if readelf -d "$PREFIX/bin/cuecard" | grep -q libasan; then
  echo "SKIPPED: a sanitizer's own memory would be measured"
  exit 77
fi
cat >task.json <<'JSON'
{ "name": "t", "labels": ["negative", "positive"], "template": "Review: {text}\nSentiment:{\"mask\"}" }
JSON
cuecard train --task task.json --model "$SMOLLM2" --tuner manual --out t.card --quiet >/dev/null
python3 - "$SOURCE/tests/golden/smollm2_label_words.json" "$SMOLLM2" <<'PYTHON'
import json, os, resource, subprocess, sys
with open("rows", "w") as file:
    file.writelines(row["text"] + "\n" for prompt in json.load(open(sys.argv[1])) for row in prompt["rows"])
with open("rows") as rows:
    subprocess.run(["cuecard", "predict", "--card", "t.card", "--model", sys.argv[2], "--quiet"],
                   stdin=rows, stdout=subprocess.DEVNULL, check=True)
held = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
weights = os.path.getsize(sys.argv[2] + "/model.safetensors")
print(f"held at most {held / 1e6:.0f} MB for {weights / 1e6:.0f} MB of weights")
assert weights < held, "all of the weights were read"
assert held <= 1.25 * weights + 200e6
PYTHON
