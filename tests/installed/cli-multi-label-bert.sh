# requires: bert head in-context label-text manual prompt-tuning
# labels: learning
# Several labels for one example: lists and separated texts, a threshold from the development set, all metrics, and what is refused.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json, os, random
random.seed(5 + int(os.environ["CUECARD_TEST_SEED"]))
def row():
    words, topics = ["the"] * random.randint(1, 3), []
    for word, topic in ("film", "work"), ("plot", "story"):
        if random.random() < 0.5:
            words += [word] * 3
            topics.append(topic)
    random.shuffle(words)
    return " ".join(words), topics
for name, count in ("train3", 160), ("dev3", 40):
    rows = [row() for _ in range(count)]
    open(name + ".tsv", "w").writelines(["text\ttopics\n"] + [f"{text}\t{'; '.join(topics)}\n" for text, topics in rows])
    open(name + ".jsonl", "w").writelines(json.dumps({"text": text, "topics": topics}) + "\n" for text, topics in rows)
task = {
    "name": "topics", "data": {"train": "train3.tsv", "dev": "dev3.tsv", "fields": {"text": "text"}, "label": "topics", "label_separator": ";"},
    "labels": [{"name": "story", "words": ["bad"]}, {"name": "work", "words": ["good"]}], "multi_label": True,
    "template": "{text} It was {\"mask\"} .", "verbalizer": {"options": {"calibrate": "blank"}},
}
json.dump(task, open("topics.json", "w"))
json.dump({**task, "name": "lists", "data": {**task["data"], "train": "train3.jsonl", "dev": "dev3.jsonl"}, "metric": "samples-f1",
           "template": "{text}", "verbalizer": {"component": "head"}}, open("lists.json", "w"))
json.dump({**task, "few_shot": {"per_label": 4}}, open("few.json", "w"))
json.dump({**task, "verbalizer": {"component": "label-text"}}, open("text.json", "w"))
json.dump({**json.load(open("masked.json")), "metric": "samples-f1"}, open("one.json", "w"))
PYTHON
run train --task topics.json --model "$bert" --tuner prompt-tuning --steps 320 --lr 0.05 --out topics.card --json >topics.train
run train --task lists.json --model "$bert" --tuner manual --steps 200 --lr 0.05 --out lists.card --json >lists.train
for name in topics lists; do
  run eval --card $name.card --model "$bert" --task $name.json --json >$name.eval
done
run eval --card lists.card --model "$bert" --data dev3.jsonl --column text=text --column label=topics --json >again.eval
run predict --card topics.card --model "$bert" --data dev3.jsonl --column text=text >topics.predict
run predict --card topics.card --card lists.card --model "$bert" >mixed.predict <<'LINES'
{"text": "the film film film", "card": "lists"}
{"text": "the film film film", "card": "topics"}
LINES
cuecard card info topics.card --json >info
python3 <<'PYTHON'
import json
from same_rows import *
gold = [set(json.loads(line)["topics"]) for line in open("dev3.jsonl")]
assert set() in gold and {"story", "work"} in gold
rows = without_summary("topics.predict")
predicted = [set(row["labels"]) for row in rows]
[train], [measured] = lines("topics.train"), lines("topics.eval")
both = sum(len(a & b) for a, b in zip(predicted, gold, strict=True))
micro = 2 * both / (sum(map(len, predicted)) + sum(map(len, gold)))
samples = sum(2 * len(a & b) / (len(a) + len(b)) if a or b else 0 for a, b in zip(predicted, gold)) / len(gold)
exact = sum(a == b for a, b in zip(predicted, gold)) / len(gold)
assert measured["metric"] == "micro-f1" and abs(measured["value"] - micro) < 1e-9 and micro > 0.75, (measured, micro)
assert abs(measured["by_metric"]["samples-f1"] - samples) < 1e-9 and measured["accuracy"] == exact, measured
assert "confusion" not in measured and measured["by_label"]["story"]["gold"] == sum("story" in each for each in gold)
assert train["dev"]["value"] == measured["value"], (train["dev"], measured)
# One threshold tells the labels that are predicted from all others.
on = [row["scores"][label] for row in rows for label in row["labels"]]
off = [p for row in rows for label, p in row["scores"].items() if label not in row["labels"]]
assert max(off) < min(on), (max(off), min(on))
[of_lists], [again] = lines("lists.eval"), lines("again.eval")
assert of_lists["metric"] == again["metric"] == "samples-f1" and of_lists["value"] == again["value"] > 0.4, (of_lists, again)
assert all("labels" in row and "scores" in row for row in without_summary("mixed.predict"))
assert lines("info")[0]["multi_label"] is True
PYTHON
expect 3 '"total" instead of "per_label"' train --task few.json --model "$bert" --tuner manual --out no.card
expect 2 'predicts one: use "manual"' train --task text.json --model "$bert" --tuner manual --out no.card
expect 2 'the tuner "in-context" shows one' train --task topics.json --model "$bert" --tuner in-context --out no.card
expect 2 'measures several labels per example' train --task one.json --model "$bert" --tuner manual --out no.card
[ ! -e no.card ]
