# requires: bert head manual p-tuning-v2
# labels: learning
# Answers within a text: character offsets as input, windows of a long text, the answer text as output.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json, os, random
random.seed(3 + int(os.environ["CUECARD_TEST_SEED"]))
others = "the film was good a plot of long and".split()
def row(longest, answer="x7"):
    words = [random.choice(others) for _ in range(random.randint(1, longest))]
    words.insert(random.randint(0, len(words)), answer)
    context = "é " + " ".join(words)
    return {"question": random.choice(["film ?", "b"]), "context": context, "answers": {"text": [answer], "answer_start": [context.index(answer)]}}
for name, rows in ("train", [row(30) for _ in range(160)]), ("dev", [row(30) for _ in range(24)]):
    open(name + ".jsonl", "w").writelines(json.dumps(each) + "\n" for each in rows)
wrong = {**row(5), "answers": {"text": ["x7"], "answer_start": [0]}}
none = {**row(5), "answers": {"text": [], "answer_start": []}}
open("odd.jsonl", "w").writelines(json.dumps(each) + "\n" for each in [row(5), wrong, none])
task = {
    "name": "spans",
    "data": {"train": "train.jsonl", "dev": "dev.jsonl", "fields": {"question": "question", "context": "context"},
             "spans": {"field": "context", "texts": "answers.text", "starts": "answers.answer_start"}},
    "template": "{\"placeholder\": \"question\", \"shortenable\": False} {context}", "verbalizer": {"component": "spans"},
    "max_length": 20, "truncate": "windows", "metric": "squad-f1",
}
json.dump(task, open("spans.json", "w"))
json.dump({**task, "metric": "accuracy"}, open("accuracy.json", "w"))
json.dump({**task, "data": {**task["data"], "train": "odd.jsonl"}}, open("odd.json", "w"))
head = {"data": {**task["data"], "label": "question"}, "verbalizer": {"component": "head"}, "labels": ["film ?", "b"], "metric": "accuracy"}
json.dump({**task, **head}, open("windows.json", "w"))
PYTHON
for tuner in manual p-tuning-v2; do
  run train --task spans.json --model "$bert" --tuner $tuner --steps 320 --lr 0.03 --out $tuner.card --json >$tuner.train
  run eval --card $tuner.card --model "$bert" --task spans.json --json >$tuner.eval
done
run eval --card manual.card --model "$bert" --task spans.json >table
echo '{"question": "film ?", "context": "was x7 the plot"}' | run predict --card manual.card --model "$bert" >one.json
run eval --card manual.card --model "$bert" --task spans.json --data odd.jsonl --allow-skipped --json >odd.eval 2>told
python3 <<'PYTHON'
from same_rows import *
for tuner in "manual", "p-tuning-v2":
    [train], [measured] = lines(tuner + ".train"), lines(tuner + ".eval")
    assert train["dev"]["metric"] == "squad-f1" and train["dev"]["value"] > 0.75, train["dev"]
    assert measured["n"] == 24 and measured["value"] == train["dev"]["value"] == measured["by_metric"]["squad-f1"], measured
    assert measured["by_metric"]["squad-em"] == measured["correct"] / 24, measured
assert lines("manual.train")[0]["parameters"] == 2 * 40 + 2
assert lines("one.json")[0]["text"] == "x7", lines("one.json")
[odd] = lines("odd.eval")
assert odd["n"] == 1 and odd["skipped"] == 2, odd
assert 'line 2: its answer "x7" is not at character 0 of "context"' in open("told").read()
assert 'line 3: it has no reference text' in open("told").read()
PYTHON
grep -q 'squad-f1' table
expect 2 'measures labels, but the verbalizer predicts texts' train --task accuracy.json --model "$bert" --tuner manual --out no.card
expect 3 'is not at character 0' train --task odd.json --model "$bert" --tuner manual --strict --out no.card
expect 2 '"windows" is for verbalizers that use the tokens' train --task windows.json --model "$bert" --tuner manual --out no.card
[ ! -e no.card ]
