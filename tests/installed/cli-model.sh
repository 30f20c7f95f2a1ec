# requires: bert llama
# `model info` and `model convert`: what a model is, whole or without weights, and a folder made of another form of it.
models=$SOURCE/tests/golden/models
info() { cuecard model info --json "$1"; }
mkdir bare
cp "$models"/bert-mlm/{config,tokenizer,tokenizer_config}.json bare/
for name in bert-mlm bert-plain llama-tied llama-untied; do info "$models/$name"; done >out
info bare >>out
cuecard model convert "$models/llama-untied" converted --json >converted.json
info converted >>out
python3 - "$models" <<'PYTHON'
import hashlib, json, sys
masked, plain, tied, untied, bare, converted = [json.loads(line) for line in open("out")]
assert (masked["family"], masked["layers"], masked["hidden"], masked["heads"]) == ("bert", 2, 40, 5)
assert masked["scores_vocabulary"] and not plain["scores_vocabulary"] and plain["pools"]
assert (tied["kv_heads"], tied["head_dim"], tied["causal"]) == (2, 12, True) and not masked["causal"]
assert untied["head_dim"] == 16 and untied["vocabulary"] == untied["tokens"] + 4
with open(sys.argv[1] + "/bert-mlm/model.safetensors", "rb") as file:
    assert masked["weights_sha256"] == hashlib.sha256(file.read()).hexdigest()
assert bare["parameters"] == 0 and bare["weights_sha256"] == "" and bare["tokenizer_sha256"] == masked["tokenizer_sha256"]
assert converted["parameters"] == untied["parameters"] and converted["hidden"] == untied["hidden"]
assert json.load(open("converted.json"))["model"] == "converted"
PYTHON
for text in 'a film' ' 12 films!'; do
  [ "$(cuecard tokenize --model converted "$text")" = "$(cuecard tokenize --model "$models/llama-untied" "$text")" ]
done
status=0
cuecard model convert "$models/llama-untied" converted 2>err || status=$?
[ $status -eq 2 ] && grep -q converted err
