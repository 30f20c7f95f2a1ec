# requires: llama
# `model info` of causal models: sizes, heads, and a converted folder like its original.
models=$SOURCE/tests/golden/models
for name in llama-tied llama-untied; do cuecard model info --json "$models/$name"; done >out
cuecard model convert "$models/llama-untied" converted --quiet
cuecard model info --json converted >>out
python3 <<'PYTHON'
import json
tied, untied, converted = [json.loads(line) for line in open("out")]
assert (tied["family"], tied["kv_heads"], tied["head_dim"], tied["causal"]) == ("llama", 2, 12, True)
assert untied["head_dim"] == 16 and untied["vocabulary"] == untied["tokens"] + 4
assert {k: v for k, v in converted.items() if k not in ("model", "weights_sha256")} == {
    k: v for k, v in untied.items() if k not in ("model", "weights_sha256")}
PYTHON
