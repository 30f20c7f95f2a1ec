# requires: llama manual
# On a real model and real sentences, the results equal those of transformers with the same weights (tests/golden/README.md).
source "$SOURCE/tests/smollm2/there"
cp "$SOURCE/tests/golden/smollm2_label_words.json" golden.json
python3 <<'PYTHON'
import json
for number, prompt in enumerate(json.load(open("golden.json"))):
    words = [word.strip() for word in prompt["words"]]
    assert prompt["words"] == [" " + word for word in words] # the space that the verbalizer prepends
    json.dump({
        "name": f"prompt-{number}", "data": {"test": "rows.jsonl", "fields": {"text": "text"}, "label": "label"},
        "labels": [{"name": word, "words": [word], "values": [label]} for label, word in enumerate(words)],
        "template": prompt["template"] + "{\"mask\"}",
    }, open(f"{number}.json", "w"))
    with open("rows.jsonl", "w") as rows: # the same for both
        rows.writelines(json.dumps({"text": row["text"], "label": row["label"]}) + "\n" for row in prompt["rows"])
PYTHON
for number in 0 1; do
  cuecard train --task $number.json --model "$SMOLLM2" --tuner manual --out $number.card --quiet >/dev/null
  cuecard predict --card $number.card --model "$SMOLLM2" --data rows.jsonl --quiet >$number.predict
  cuecard eval --card $number.card --model "$SMOLLM2" --task $number.json --json --quiet >$number.eval
done
python3 <<'PYTHON'
import math
from same_rows import *
for number, prompt in enumerate(json.load(open("golden.json"))):
    found = lines(f"{number}.predict")
    for row, expected in zip(found, prompt["rows"], strict=True):
        shares = [math.exp(log) for log in expected["log_probs"]]
        for word, share in zip(prompt["words"], shares):
            assert abs(row["scores"][word.strip()] - share / sum(shares)) < 1e-3, (row, expected)
    [measured] = lines(f"{number}.eval")
    assert measured["n"] == len(prompt["rows"]) == 20 and measured["correct"] == prompt["correct"], measured
PYTHON
