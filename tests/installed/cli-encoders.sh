# requires: distilbert electra head manual prompt-tuning roberta
# labels: learning
# BERT's descendants: sizes, training and using a soft prompt, a head where there is no language model head, tokenizers with and
# without a tokenizer.json.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
task = json.load(open("masked.json"))
json.dump({**task, "name": "head", "template": "{text}", "verbalizer": {"component": "head"}}, open("head.json", "w"))
PYTHON
masked="roberta-mlm distilbert-mlm electra-generator"
for name in $masked electra-discriminator; do cuecard model info --json "$models/$name"; done >info.json
for name in $masked; do
  run train --task masked.json --model "$models/$name" --tuner prompt-tuning --set length=4 --steps 40 --lr 0.1 --out $name.card --json >$name.train
  run eval --card $name.card --model "$models/$name" --task masked.json --json >$name.eval
  run predict --card $name.card --model "$models/$name" <dev.txt >$name.predict
done
name=electra-discriminator
run train --task head.json --model "$models/$name" --tuner prompt-tuning --set length=4 --steps 120 --lr 0.1 --out $name.card --json >$name.train
run eval --card $name.card --model "$models/$name" --task head.json --json >$name.eval
run predict --card $name.card --model "$models/$name" <dev.txt >$name.predict
expect 2 'no head over the vocabulary' fill --model "$models/$name" --template 'a {"mask"} film.'

python3 <<'PYTHON'
from same_rows import *
infos = {info["model"].rsplit("/", 1)[1]: info for info in lines("info.json")}
keys = "family", "layers", "hidden", "heads", "head_dim", "max_positions", "has_lm_head", "has_pooler", "causal", "tokenizer"
sizes = {name: [info[key] for key in keys] for name, info in infos.items()}
assert sizes == {
    "roberta-mlm": ["roberta", 2, 20, 4, 5, 48, True, False, False, "BPE"],
    "distilbert-mlm": ["distilbert", 2, 16, 4, 4, 48, True, False, False, "WordPiece"],
    "electra-generator": ["electra", 2, 16, 2, 8, 48, True, False, False, "WordPiece"],
    "electra-discriminator": ["electra", 1, 16, 4, 4, 48, False, False, False, "WordPiece"]}, sizes
# Soft tokens are as wide as embeddings, which are narrower in a generator; the head is as wide as hidden states.
# In the random generator a prompt has little effect.
for name, learned, share in (("roberta-mlm", 4 * 20, 0.9), ("distilbert-mlm", 4 * 16, 0.9), ("electra-generator", 4 * 10, 0.95),
                             ("electra-discriminator", 4 * 16 + 2 * 16 + 2, 0.9)):
    [train], [measured] = lines(name + ".train"), lines(name + ".eval")
    assert train["parameters"] == learned, (name, train["parameters"])
    assert sum(train["losses"][-5:]) < share * sum(train["losses"][:5]), (name, train["losses"])
    assert measured["accuracy"] == train["dev"]["accuracy"], (name, measured)
    check_measured(without_summary(name + ".predict"), measured)
for name, stated in ("distilbert-mlm", {"dim": 16, "n_layers": 2, "n_heads": 4, "hidden_dim": 28}), ("electra-generator", {"embedding_size": 10}):
    with open(name + ".card/card.json") as file:
        sizes = json.load(file)["backbone"]["sizes"]
    assert stated.items() <= sizes.items(), (name, sizes)
PYTHON

for name in distilbert-mlm electra-generator electra-discriminator; do
  cuecard tokenize --model "$models/$name" --special 'A terrible film, all in all!'
done | sort -u >ids
[ "$(wc -l <ids)" -eq 1 ]
rendered='[CLS] a f ##i ##l ##m is [MASK]* . [SEP]'
for name in distilbert-mlm electra-generator; do
  [ "$(cuecard render --model "$models/$name" --template '{text} is {"mask"}.' 'A film')" = "$rendered" ]
  vocabulary=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["vocab_size"])' "$models/$name/config.json")
  cuecard fill --json --model "$models/$name" --template 'a {"mask"} film is {"mask"}.' --top-k "$vocabulary" >found
  python3 "$SOURCE/tests/installed/whole_vocabulary.py" found 1 2 "$vocabulary"
done
