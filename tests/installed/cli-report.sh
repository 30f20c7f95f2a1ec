# requires: llama manual prompt-tuning
# `report` makes one page of what `train`, `eval` and `compare` print with --json, on a line or indented.
source "$SOURCE/tests/installed/toy_task"
python3 -c '
import json
task = json.load(open("toy.json"))
rows = [line.rstrip("\n").split("\t") for line in open("dev.tsv")]
with open("fields.csv", "w") as file:
    print("review,about,stars,key", file=file)
    for number, (text, label) in enumerate(rows):
        print(f"{text},zebra {number},{label},k{number}", file=file)
task["data"] = {"train": "train.tsv", "dev": "dev.tsv", **{k: task["data"][k] for k in ("header", "fields", "label")}}
json.dump(task, open("toy.json", "w"))
task["data"] = {"train": "fields.csv", "test": "fields.csv", "fields": {"review": "review", "about": "about"}, "label": "stars", "id": "key"}
json.dump({**task, "name": "fields", "template": "{review} / {about}: It was{\"mask\"}"}, open("fields.json", "w"))'
run train --task toy.json --model "$llama" --tuner prompt-tuning --set length=2 --steps 6 --evaluate-every 2 --lr 0.1 --out soft.card --json >train.json
run train --task fields.json --model "$llama" --tuner manual --out fields.card >table
run train --task fields.json --model "$llama" --tuner manual --set verbalizer.calibrate=blank --out calibrated.card >table
run eval --card a=fields.card --card b=calibrated.card --model "$llama" --task fields.json --json >eval.json
cuecard report train.json eval.json --out report.html
python3 -c '
import json
with open("indented.json", "w") as file:
    for path in "train.json", "eval.json":
        for line in open(path):
            file.write(json.dumps(json.loads(line), indent=2) + "\n")
json.dump([json.loads(line) for path in ("train.json", "eval.json") for line in open(path)], open("list.json", "w"), indent=1)'
for form in indented list; do
  cuecard report $form.json --out $form.html
  sed -E 's/(train|eval)\.json/FILE/g' report.html >expected
  sed "s/$form\.json/FILE/g" $form.html | cmp - expected
done
python3 <<'PYTHON'
import hashlib, html, json
from html.parser import HTMLParser
[train], evals = [json.loads(line) for line in open("train.json")], [json.loads(line) for line in open("eval.json")]
assert [step for step, _ in train["dev_curve"]] == [2, 4, 6], train["dev_curve"]
assert max(value for _, value in train["dev_curve"]) == train["dev"]["value"]
sha = hashlib.sha256(open("train.tsv", "rb").read()).hexdigest()
assert train["data_sha256"] == sha and train["options"]["length"] == 2 and train["settings"], train
run = train["run"]
assert run["command"].startswith("cuecard train --task toy.json") and run["command"].endswith("--quiet") and run["model"] == "llama-tied", run
for measured in evals:
    bins = measured["calibration"]["bins"]
    assert sum(bin["n"] for bin in bins) == measured["n"] == 24
    assert abs(sum(bin["n"] * bin["accuracy"] for bin in bins) - measured["correct"]) < 1e-9
    error = sum(bin["n"] / 24 * abs(bin["accuracy"] - bin["confidence"]) for bin in bins)
    assert abs(error - measured["calibration"]["error"]) < 1e-9
    for mistake in measured["mistakes"]:
        number = mistake["line"] - 2
        assert mistake["id"] == f"k{number}" and mistake["text"].endswith(f" / zebra {number}"), mistake  # in the template's order
        assert "zebra" in "".join(mistake["tokens"]).replace("Ġ", " ") or mistake["tokens"], mistake
page = open("report.html", encoding="utf-8").read()
text = html.unescape(page)
for part in (run["command"], run["date"], "llama-tied", sha[:16], "{text} It was", "length = 2", "Metric on the development set by step",
             "Calibration", "Pairs of cards", "Worst mistakes", evals[0]["mistakes"][0]["text"], " ".join(evals[0]["mistakes"][0]["tokens"])):
    assert part in text, part
assert "p = 0.0000" not in page and "<script" not in page and "http" not in page
class Tags(HTMLParser):
    open_tags: list = []
    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "br", "line", "rect", "circle", "polyline"):
            self.open_tags.append(tag)
    def handle_endtag(self, tag):
        if tag not in ("meta", "br", "line", "rect", "circle", "polyline"):
            assert self.open_tags.pop() == tag, tag
parser = Tags()
parser.feed(page)
assert not parser.open_tags
PYTHON
printf '{"card": "a", "n": 1}\n{"card": \n' >broken.json
status=0
cuecard report broken.json --out no.html 2>err || status=$?
[ $status -eq 3 ] && grep -q 'broken.json, line 2' err && [ ! -e no.html ]
