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
assert odd["n"] == 2 and odd["skipped"] == 1, odd
# Without the option `no-answer` every question is answered, which is wrong where there is no answer.
assert odd["by_answer"]["no_answer"] == {"n": 1, "squad-em": 0, "squad-f1": 0} and odd["by_answer"]["has_answer"]["n"] == 1, odd
assert 'line 2: its answer "x7" is not at character 0 of "context"' in open("told").read()
PYTHON
grep -q 'squad-f1' table

# Questions without an answer: what asks for x7 where there is none.
python3 <<'PYTHON'
import json, random, os
random.seed(4 + int(os.environ["CUECARD_TEST_SEED"]))
others = "the film was good a plot of long and".split()
def row(answerable):
    words = [random.choice(others) for _ in range(random.randint(3, 30))]
    if answerable:
        words.insert(random.randint(0, len(words)), "x7")
    context = " ".join(words)
    return {"question": "film ?", "context": context, "answers": {"text": ["x7"] * answerable, "answer_start": [context.index("x7")] * answerable if answerable else []}}
for name, count in ("train2", 240), ("dev2", 32):
    open(name + ".jsonl", "w").writelines(json.dumps(row(i % 2)) + "\n" for i in range(count))
task = json.load(open("spans.json"))
task |= {"name": "squad2", "verbalizer": {"component": "spans", "options": {"no-answer": True}}}
task["data"] |= {"train": "train2.jsonl", "dev": "dev2.jsonl"}
json.dump(task, open("squad2.json", "w"))
PYTHON
run train --task squad2.json --model "$bert" --tuner manual --steps 400 --lr 0.05 --out squad2.card --json >squad2.train
run eval --card squad2.card --model "$bert" --task squad2.json --json >squad2.eval
run predict --card squad2.card --model "$bert" --data dev2.jsonl --column question=question --column context=context >squad2.predict
python3 <<'PYTHON'
import json
from same_rows import *
[train], [measured] = lines("squad2.train"), lines("squad2.eval")
texts = [row["text"] for row in without_summary("squad2.predict")]
gold = [(json.loads(line)["answers"]["text"] or [""])[0] for line in open("dev2.jsonl")]
exact = sum(a == b for a, b in zip(texts, gold, strict=True)) / 32
assert measured["by_metric"]["squad-em"] == exact > 0.8, (measured, texts)
parts = measured["by_answer"]
for name, has in ("has_answer", True), ("no_answer", False):
    own = [a == b for a, b in zip(texts, gold) if bool(b) == has]
    assert parts[name]["n"] == len(own) == 16 and abs(parts[name]["squad-em"] - sum(own) / 16) < 1e-9, (parts, own)
assert train["dev"]["value"] == measured["value"], (train["dev"], measured)
PYTHON
expect 2 'measures labels, but the verbalizer predicts texts' train --task accuracy.json --model "$bert" --tuner manual --out no.card
expect 3 'is not at character 0' train --task odd.json --model "$bert" --tuner manual --strict --out no.card
expect 2 '"windows" is for verbalizers that use the tokens' train --task windows.json --model "$bert" --tuner manual --out no.card
[ ! -e no.card ]
