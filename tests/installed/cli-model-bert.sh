# requires: bert
# `model info` of masked models: with a head, with a pooler, and without weights.
models=$SOURCE/tests/golden/models
mkdir bare
cp "$models"/bert-mlm/{config,tokenizer,tokenizer_config}.json bare/
for model in "$models/bert-mlm" "$models/bert-plain" bare; do cuecard model info --json "$model"; done >out
python3 - "$models" <<'PYTHON'
import hashlib, json, sys
masked, plain, bare = [json.loads(line) for line in open("out")]
assert (masked["family"], masked["layers"], masked["hidden"], masked["heads"]) == ("bert", 2, 40, 5)
assert masked["has_lm_head"] and not plain["has_lm_head"] and plain["has_pooler"] and not masked["causal"]
with open(sys.argv[1] + "/bert-mlm/model.safetensors", "rb") as file:
    assert masked["weights_sha256"] == hashlib.sha256(file.read()).hexdigest()
assert bare["parameters"] == 0 and bare["weights_sha256"] == "" and bare["tokenizer_sha256"] == masked["tokenizer_sha256"]
PYTHON
