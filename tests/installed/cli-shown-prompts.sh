# requires: llama manual prompt-tuning head
# `render`, `fill` and `generate` show the prompts of a task file and of a card: the same as of a copy of its template, and what was trained.
source "$SOURCE/tests/installed/toy_task"
template='{text} It was{"mask"}'
run train --task toy.json --model "$llama" --tuner manual --out manual.card >table
run train --task toy.json --model "$llama" --tuner prompt-tuning --set length=3 --steps 4 --lr 0.3 --out soft.card >table

# The task's columns hold for its data, too.
run render --json --model "$llama" --template "$template" --data dev.tsv --no-header --column text=1 --column label=2 >copy
run render --json --model "$llama" --task toy.json --data dev.tsv >task
run render --json --model "$llama" --card manual.card --data dev.tsv >card
cmp copy task
cmp copy card
run render --json --model "$llama" --card soft.card --data dev.tsv >soft
run fill --json --model "$llama" --template "$template" --top-k 384 <dev.txt >copy-filled
run fill --json --model "$llama" --task toy.json --top-k 384 <dev.txt >task-filled
cmp copy-filled task-filled
run fill --json --model "$llama" --card soft.card --top-k 384 <dev.txt >soft-filled
run predict --model "$llama" --card soft.card <dev.txt >scores
cuecard tokenize --model "$llama" ' terrible' ' great' >words
python3 <<'PYTHON'
import math
from same_rows import *
for plain, soft in zip(lines("copy"), lines("soft")):
    assert soft["tokens"] == ["<soft 1>", "<soft 2>", "<soft 3>"] + plain["tokens"], soft
    assert soft["answers"] == [place + 3 for place in plain["answers"]]
# The trained prompt is in use: the label words have the odds that `predict` gives them.
no, yes = [line[0] for line in lines("words")]
filled, scores = without_summary("soft-filled"), lines("scores")
assert len(filled) == len(scores) == 24
for row, predicted in zip(filled, scores):
    logs = {top["id"]: top["log_prob"] for top in row["slots"][0]["top"]}
    odds = math.log(predicted["scores"]["yes"] / predicted["scores"]["no"])
    assert abs(logs[yes] - logs[no] - odds) < 1e-4, (row["row"], odds)
plain = {top["id"]: top["log_prob"] for top in lines("copy-filled")[0]["slots"][0]["top"]}
assert abs(plain[yes] - {top["id"]: top["log_prob"] for top in filled[0]["slots"][0]["top"]}[yes]) > 1e-3
PYTHON
run generate --model "$llama" --template "$template" --max-new-tokens 4 'a film' >copy-text
run generate --model "$llama" --task toy.json --max-new-tokens 4 'a film' >task-text
cmp copy-text task-text

# Length: that of the task, unless a flag gives another.
python3 -c 'import json; json.dump({**json.load(open("toy.json")), "max_length": 9, "truncate": "head"}, open("short.json", "w"))'
text='the film and a plot and the camera and a scene is great'
lengths() { run render --json --model "$llama" "$@" "$text" | python3 -c 'import json, sys; print(*(len(json.loads(l)["ids"]) for l in sys.stdin))'; }
[ "$(lengths --task short.json)" = 9 ]
[ "$(lengths --task short.json --max-length 7)" = 7 ]
run train --task short.json --model "$llama" --tuner manual --out short.card >table
[ "$(lengths --card short.card)" = 9 ]
run render --json --model "$llama" --task toy.json "$text" >whole
run render --json --model "$llama" --task short.json "$text" >cut-at-the-beginning
run render --json --model "$llama" --task short.json --truncate tail "$text" >cut-at-the-end
python3 -c '
from same_rows import *
whole, beginning, end = (lines(path)[0]["ids"] for path in ("whole", "cut-at-the-beginning", "cut-at-the-end"))
assert beginning == whole[-9:] and end[0] == whole[0] and end != beginning and len(end) == 9'

# Contradictions are one sentence.
expect 2 'a template is needed: give one of --template, --task and --card' render --model "$llama" film
expect 2 'a template is needed' fill --model "$llama" film
for verb in render fill generate; do
  expect 2 'a card has its own template' $verb --model "$llama" --card soft.card --template "$template" film
  expect 2 '--template-component says how --template is parsed' $verb --model "$llama" --task toy.json --template-component manual film
done
python3 -c 'import json; json.dump({**json.load(open("toy.json")), "template": "{text} {\"soft\"} was{\"mask\"}"}, open("open.json", "w"))
json.dump({**json.load(open("toy.json")), "template": "{text}", "verbalizer": {"component": "head"}}, open("head.json", "w"))'
expect 2 'soft slots' fill --model "$llama" --task open.json film
run render --model "$llama" --task open.json film | grep -q '<soft 1>'
expect 2 'the verbalizer "head" uses none' fill --model "$llama" --task head.json film
run render --model "$llama" --task head.json film >head-prompt
