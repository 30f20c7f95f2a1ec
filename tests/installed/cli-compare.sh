# requires: llama manual prompt-tuning fine-tuning
# Comparing methods, and the report of all results.
source "$SOURCE/tests/installed/toy_task"
fit=(--task toy.json --model "$llama" --steps 10 --evaluate-every 5 --lr 0.02 --threads 1)
run compare "${fit[@]}" --tuners manual,prompt-tuning,fine-tuning --seeds 2 --set length=4 --set fine-tuning.weight-decay=0 \
  --out cards --json >compare.json
for seed in 0 1; do
  run train "${fit[@]}" --tuner prompt-tuning --set length=4 --seed $seed --out soft-$seed.card --json >train-$seed.json
  run eval --card soft-$seed.card --model "$llama" --task toy.json --json >eval-$seed.json
done
python3 <<'PYTHON'
import os, statistics
from same_rows import *
found = {line["tuner"]: line for line in lines("compare.json")}
assert list(found) == ["manual", "prompt-tuning", "fine-tuning"]
soft, full, manual = found["prompt-tuning"], found["fine-tuning"], found["manual"]
alone = [lines(f"eval-{seed}.json")[0] for seed in (0, 1)]
values = [one["accuracy"] for one in alone]
assert [seed["value"] for seed in soft["seeds"]] == values
assert soft["mean"] == statistics.mean(values) and abs(soft["std"] - statistics.stdev(values)) < 1e-12
assert soft["confusion"] == alone[soft["seed"]]["confusion"] and soft["n"] == 24
assert soft["losses"] == lines(f"train-{soft['seed']}.json")[0]["losses"]
assert soft["ci95"][0] < soft["mean"] < soft["ci95"][1]
assert manual["parameters"] == 0 and soft["parameters"] == 4 * 48 and full["parameters"] == full["frozen_parameters"]
for name, line in found.items():
    files = os.scandir(f"cards/{name}.card")
    assert line["card_bytes"] == sum(file.stat().st_size for file in files), name
assert full["card_bytes"] > 4 * full["parameters"] > soft["card_bytes"]
PYTHON
cmp cards/prompt-tuning.card/card.safetensors soft-$(python3 -c 'from same_rows import *; print(lines("compare.json")[1]["seed"])').card/card.safetensors
run compare "${fit[@]}" --tuners manual,prompt-tuning >table.txt
grep -q '^prompt-tuning .*%.*to' table.txt && grep -q 'over 1 seeds, on 24 examples' table.txt

expect 2 'Did you mean "prompt-tuning"' compare "${fit[@]}" --tuners manual,prompt-tunning
expect 2 'twice' compare "${fit[@]}" --tuners manual,manual
expect 2 'none of the compared tuners' compare "${fit[@]}" --tuners manual,prompt-tuning --set lenght=3
expect 2 'is not one of the compared tuners' compare "${fit[@]}" --tuners manual,prompt-tuning --set fine-tuning.what=all

cuecard report compare.json train-0.json train-1.json eval-0.json --out page.html
python3 <<'PYTHON'
from html.parser import HTMLParser
from same_rows import *

class Page(HTMLParser):
    """Checks that tags are closed in order, and counts elements."""
    def __init__(self):
        super().__init__()
        self.open, self.count, self.text = [], {}, []
    def handle_starttag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
        assert tag != "script" and not any(name in ("src", "href") for name, _ in attributes), (tag, attributes)
        if tag != "meta":
            self.open.append(tag)
    def handle_startendtag(self, tag, attributes):
        self.count[tag] = self.count.get(tag, 0) + 1
    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag
    def handle_data(self, data):
        self.text.append(data)

page = Page()
page.feed(open("page.html").read())
page.close()
assert not page.open, page.open
# Loss curves of the trained tuners and of the two runs; a circle per metric; confusion matrices of three tuners and one
# evaluation, its calibration, and its mistakes; what each of the six runs was.
sections = {part.partition("</h2>")[0]: part for part in open("page.html").read().split("<h2>")[1:]}
assert sections["Training loss by step"].count("<polyline") == 4
assert sections["Comparison of runs"].count("<circle") == 6
assert sections["Confusion matrices"].count("<h3>") == sections["Confusion matrices"].count("<table>") == 4
assert sections["Calibration: fraction of correct predictions by probability"].count("<polyline") == 1
wrong = bool(lines("eval-0.json")[0]["mistakes"])
assert ("Worst mistakes" in sections) == wrong and sections.get("Worst mistakes", "").count("<table>") == wrong
assert sections["What was run"].count("<table>") == 6
text = " ".join(page.text)
assert "toy (prompt-tuning), train-0.json" in text and "fine-tuning" in text
PYTHON
echo '{"row": 1}' >other.json
for file in other.json missing.json; do
  status=0
  cuecard report $file --out no.html 2>err || status=$?
  [ $status -eq 3 ] && grep -q $file err && [ "$(wc -l <err)" -eq 1 ]
done
[ ! -e no.html ]

# A report replaces reports only, and a tuner that fails leaves the results of those before it.
cp train-0.json measured.json
status=0
cuecard report measured.json --out measured.json 2>err || status=$?
[ $status -eq 2 ] && grep -q 'exists and is not a report' err && cmp -s train-0.json measured.json
cuecard report train-0.json --out page.html
status=0
cuecard compare "${fit[@]}" --tuners manual,prompt-tuning --set init=text --set init-text= >table 2>err || status=$?
[ $status -eq 2 ] && grep -q 'tuner "prompt-tuning" failed; 1 of 2 tuners compared' err && grep -q '^manual ' table

# Patience is measured on a development set.
python3 -c 'import json; task = json.load(open("toy.json")); del task["data"]["dev"]; json.dump(task, open("undeveloped.json", "w"))'
status=0
cuecard train --task undeveloped.json --model "$llama" --tuner prompt-tuning --steps 4 --patience 1 --out no.card 2>err || status=$?
[ $status -eq 2 ] && grep -q 'patience needs a development set' err && [ ! -e no.card ]
