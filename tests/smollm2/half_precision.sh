# requires: llama manual
# Frozen weights in half precision give the labels of float32 for real sentences wherever it clearly prefers one: by more than
# 0.1 nats. The differences of both dtypes from float32 are printed.
source "$SOURCE/tests/smollm2/there"
reviews=$SOURCE/.cache/text/movieReviewSnippets_GroundTruth.txt
if [ ! -e "$reviews" ]; then
  echo "SKIPPED: $(basename "$reviews") is not there; \`./run setup\` fetches it"
  exit 77
fi
python3 - "$reviews" <<'PYTHON'
import json, sys
sentences = [line.rstrip("\n").split("\t", 2) for line in open(sys.argv[1], encoding="latin-1")]
short = [(float(rating), text) for _, rating, text in sentences if len(text) < 160]
with open("rows.jsonl", "w") as rows:
    for rating, text in short[:: len(short) // 64][:64]:
        rows.write(json.dumps({"text": text, "label": "positive" if rating > 0 else "negative"}) + "\n")
json.dump({
    "name": "sentiment", "data": {"test": "rows.jsonl", "fields": {"text": "text"}, "label": "label"},
    "labels": [{"name": word, "words": [word]} for word in ("negative", "positive")],
    "template": "Review: {text}\nSentiment:{\"mask\"}",
}, open("task.json", "w"))
PYTHON
cuecard train --task task.json --model "$SMOLLM2" --tuner manual --out card --quiet >/dev/null
for dtype in float32 bfloat16 float16; do
  cuecard predict --card card --model "$SMOLLM2" --dtype $dtype --data rows.jsonl --json --quiet >$dtype
done
python3 <<'PYTHON'
import math
from same_rows import *

def margins(dtype):
    return [math.log(row["scores"]["positive"] / row["scores"]["negative"]) for row in without_summary(dtype)]

whole = margins("float32")
clear = [i for i, margin in enumerate(whole) if abs(margin) > 0.1]
assert len(whole) == 64 and len(clear) >= 50, (len(whole), len(clear))
for dtype in "bfloat16", "float16":
    half = margins(dtype)
    away = sorted(abs(a - b) for a, b in zip(whole, half, strict=True))
    other = [i for i in range(64) if (whole[i] > 0) != (half[i] > 0)]
    print(f"{dtype}: {len(other)} of 64 rows have another label, {len(set(other) & set(clear))} of {len(clear)} clear ones;"
          f" log-odds differ by {away[32]:.4f} in the middle and {away[-1]:.4f} at most")
    assert away[32] > 0, "another type was used"
    assert not set(other) & set(clear), [(dtype, i, whole[i], half[i]) for i in other]
PYTHON
