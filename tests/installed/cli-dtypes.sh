# requires: llama manual prompt-tuning
# labels: learning
# Frozen weights in half precision: training, prediction and `fill` agree with float32 within that precision.
source "$SOURCE/tests/installed/toy_task"
# On a CPU float16 is slow, and that is said, with what to use instead; the others are used without a word.
for dtype in float32 bfloat16 float16; do
  cuecard generate --model "$SOURCE/tests/golden/models/llama-tied" --dtype $dtype --max-new-tokens 1 --quiet 'a film' 2>said >/dev/null
  [ "$(grep -c 'warning: .*: float16 is slow on a CPU; use bfloat16, .*float32, or stored' said)" = $([ $dtype = float16 ] && echo 1 || echo 0) ]
done
for dtype in float32 bfloat16 float16; do
  run train --task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --steps 40 --lr 0.1 --seed 3 \
    --dtype $dtype --out $dtype.card --json >$dtype.train
  run predict --card float32.card --model "$llama" --dtype $dtype <dev.txt >$dtype.predict
  run eval --card $dtype.card --model "$llama" --dtype $dtype --task toy.json --json >$dtype.eval
  run fill --model "$llama" --dtype $dtype --template '{text} It was{"mask"}' --top-k 384 --json <dev.txt >$dtype.fill
done
python3 <<'PYTHON'
import math, struct
from same_rows import *

def slots(path):
    return [{top["id"]: top["log_prob"] for top in row["slots"][0]["top"]} for row in without_summary(path)]

whole = lines("float32.predict")
for dtype, tolerance in ("bfloat16", 0.1), ("float16", 0.02):
    [train], [reference] = lines(dtype + ".train"), lines("float32.train")
    assert abs(train["losses"][0] - reference["losses"][0]) < tolerance
    assert sum(train["losses"][-10:]) < 0.7 * sum(train["losses"][:10])
    [measured] = lines(dtype + ".eval")
    assert measured["accuracy"] == train["dev"]["accuracy"]
    # A label may differ only where two are equally likely.
    clear = [(a, b) for a, b in zip(whole, lines(dtype + ".predict"), strict=True) if abs(a["scores"]["yes"] - 0.5) > tolerance]
    assert len(clear) > 12
    for a, b in clear:
        check_close(a, b, tolerance)
    assert [row["scores"] for row in whole] != [row["scores"] for row in lines(dtype + ".predict")], "another type was used"
    for a, b in zip(slots("float32.fill"), slots(dtype + ".fill"), strict=True):
        assert max(abs(a[id] - b[id]) for id in a) < 4 * tolerance
        assert abs(sum(map(math.exp, b.values())) - 1) < 0.01
    # Trained tensors stay float32.
    with open(dtype + ".card/card.safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    assert {entry["dtype"] for name, entry in header.items() if name != "__metadata__"} == {"F32"}
PYTHON
