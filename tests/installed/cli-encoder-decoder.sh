# requires: bart manual prompt-tuning t5
# labels: learning
# Encoder-decoders: a soft prompt before the encoder input is trained, evaluated and used, and `fill` predicts decoder tokens.
source "$SOURCE/tests/installed/toy_task"
for model in t5-plain t5-gated bart; do
  run train --task masked.json --model "$models/$model" --tuner prompt-tuning --steps 40 --lr 0.1 --out $model.card --json >$model.train
  run eval --card $model.card --model "$models/$model" --task masked.json --json >$model.eval
  run predict --card $model.card --model "$models/$model" <dev.txt >$model.predict
done
sed 's/"masked"/"ends"/; s/ {\\"mask\\"}\.//' masked.json >ends.json
run train --task ends.json --model "$models/t5-plain" --set template.encoder-decoder=continuation --tuner manual --out ends.card --json >ends.train
run eval --card ends.card --model "$models/t5-plain" --task ends.json --json >ends.eval
run predict --card ends.card --model "$models/t5-plain" <dev.txt >ends.predict
python3 <<'PYTHON'
from same_rows import *
# In the random BART a prompt has little effect: the task isn't solved, but the loss falls.
for model, width, share in ("t5-plain", 20, 0.8), ("t5-gated", 16, 0.8), ("bart", 24, 0.95):
    [train], [measured] = lines(model + ".train"), lines(model + ".eval")
    assert train["parameters"] == 20 * width, (model, train["parameters"])
    assert sum(train["losses"][-5:]) < share * sum(train["losses"][:5]), (model, train["losses"])
    assert measured["accuracy"] == train["dev"]["accuracy"]
    # Unlike a causal model, an encoder can't cache a text or a common prefix: each token attends to all others.
    assert train["tokens_from_cache"] == measured["tokens_from_cache"] == 0
    check_measured(without_summary(model + ".predict"), measured)
[measured] = lines("ends.eval")
check_measured(without_summary("ends.predict"), measured)
PYTHON

rendered() { # MODEL TEMPLATE
  cuecard render --model "$models/$1" --template "$2" 'a film'
}
[ "$(rendered t5-plain '{text} is {"mask"} or {"mask"}.')" = \
  'a f ##i ##l ##m is <extra_id_0> or <extra_id_1> . </s> || <pad> <extra_id_0>* <extra_id_1>*' ]
[ "$(rendered bart '{text} is {"mask"}.')" = '<s> a f ##i ##l ##m is <mask> . </s> || </s> <s>*' ]

# Every token of the vocabulary, for each answer.
size_of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["vocab_size"])' "$models/$1/config.json"; }
cuecard fill --json --model "$models/t5-plain" --template '{"mask"} film is {"mask"}.' --top-k "$(size_of t5-plain)" >found
python3 "$SOURCE/tests/installed/whole_vocabulary.py" found 1 2 "$(size_of t5-plain)"
cuecard fill --json --model "$models/bart" --template 'a film is {"mask"}.' --top-k "$(size_of bart)" >found
python3 "$SOURCE/tests/installed/whole_vocabulary.py" found 1 1 "$(size_of bart)"

status=0
cuecard fill --model "$models/t5-plain" --template '{"mask"}{"mask"}{"mask"}{"mask"}{"mask"}' >out 2>err || status=$?
[ $status -eq 2 ] && grep -q 'column 33: .*no token <extra_id_4>' err
