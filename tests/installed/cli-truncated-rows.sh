# requires: llama manual prompt-tuning
# Truncated examples are counted and told by every command that reads examples; what is lost is what `render` shows without a limit.
source "$SOURCE/tests/installed/toy_task"
limit=12
python3 - $limit <<'PYTHON'
import json, sys
task = json.load(open("toy.json"))
json.dump({**task, "max_length": int(sys.argv[1])}, open("short.json", "w"))
json.dump({**task, "max_length": 100}, open("long.json", "w"))
PYTHON
columns=(--no-header --column text=1 --column label=2)
for part in train dev; do
  cuecard render --model "$llama" --template '{text} It was{"mask"}' --data $part.tsv "${columns[@]}" --json >$part.json
done
run train --task short.json --model "$llama" --tuner manual --out short.card --json >learnt.json 2>learnt.err
run eval --card short.card --model "$llama" --task short.json --json >measured.json 2>measured.err
run predict --card short.card --model "$llama" --json <dev.txt >predicted.json 2>predicted.err
run compare --task short.json --model "$llama" --tuners manual --json >compared.json 2>compared.err
run fill --model "$llama" --template '{text} It was{"mask"}' --max-length $limit --json <dev.txt >filled.json 2>filled.err
run generate --model "$llama" --template '{text} It was' --max-length $limit --max-new-tokens 1 --json <dev.txt >written.json 2>written.err
python3 - $limit <<'PYTHON'
import sys
from same_rows import *
limit = int(sys.argv[1])
def lost(part):
    return [max(0, len(row["ids"]) - limit) for row in lines(part + ".json")]
def told(file, examples, losses, of="the field \"text\""):
    cut = sum(each > 0 for each in losses)
    return f"cuecard: {file}{cut} of {len(losses)} {examples} cut to {limit} tokens ({sum(losses)} tokens of {of} lost)."
train, dev = lost("train"), lost("dev")
assert 0 < sum(each > 0 for each in dev) and max(train) > 1

[learnt] = lines("learnt.json")
assert [learnt[key] for key in ("cut_examples", "cut_tokens")] == [sum(each > 0 for each in train), sum(train)], learnt
assert [learnt["dev_" + key] for key in ("cut_examples", "cut_tokens")] == [sum(each > 0 for each in dev), sum(dev)], learnt
said = open("learnt.err").read().splitlines()
assert said[0] == told("train.tsv: ", "training examples", train) and said[2] == told("dev.tsv: ", "development examples", dev), said
assert said[1] == "cuecard: warning: train.tsv: more than 5 % of the training examples are cut; raise \"max_length\" in the task file " \
    "(the model takes up to 128 tokens), use fewer demonstrations, or shorten the template.", said[1]
assert len(said) == 4, said

for name, file in ("measured", "dev.tsv: "), ("compared", "dev.tsv: "):
    [row] = lines(name + ".json")
    assert (row["cut_examples"], row["cut_tokens"]) == (sum(each > 0 for each in dev), sum(dev)), (name, row)
    assert told(file, "examples", dev) in open(name + ".err").read().splitlines(), name
for name in "predicted", "filled", "written":
    rows = lines(name + ".json")
    summary = rows.pop()["summary"]
    assert [row.get("cut", 0) for row in rows] == dev and all(row.get("cut") != 0 for row in rows), name
    assert (summary["cut_examples"], summary["cut_tokens"]) == (sum(each > 0 for each in dev), sum(dev)), summary
    said = open(name + ".err").read().splitlines()
    assert said[0] == told("", "examples", dev) and "warning: more than 5 % of the examples are cut; raise --max-length" in said[1], said
PYTHON

# Nothing is said where nothing is cut, and no more than once for all seeds.
run train --task long.json --model "$llama" --tuner prompt-tuning --set length=4 --steps 1 --out long.card --json >uncut.json 2>err
[ ! -s err ]
run train --task short.json --model "$llama" --tuner prompt-tuning --set length=2 --steps 1 --seeds 3 --out short.card --json >seeds.json 2>err
[ "$(wc -l <err)" -eq 4 ] || { cat err; exit 1; }
python3 -c '
from same_rows import *
[row] = lines("uncut.json")
assert [row[key] for key in ("cut_examples", "cut_tokens", "dev_cut_examples", "dev_cut_tokens")] == [0] * 4, row'
