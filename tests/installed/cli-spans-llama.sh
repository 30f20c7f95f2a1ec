# requires: head llama manual
# Questions without an answer on a causal model, where the prompt ends in the field: its last token then stands for no answer.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
def row(i):
    context = f"the film was x7 and long {i}" if i % 2 else f"the film was good and long {i}"
    return {"question": "film ?", "context": context,
            "answers": {"text": ["x7"] * (i % 2), "answer_start": [context.index("x7")] * (i % 2) if i % 2 else []}}
open("rows.jsonl", "w").writelines(json.dumps(row(i)) + "\n" for i in range(24))
json.dump({
    "name": "causal", "data": {"train": "rows.jsonl", "dev": "rows.jsonl", "fields": {"question": "question", "context": "context"},
                               "spans": {"field": "context", "texts": "answers.text", "starts": "answers.answer_start"}},
    "template": '{"placeholder": "question", "shortenable": False} {context}',
    "verbalizer": {"component": "spans", "options": {"no-answer": True}},
}, open("causal.json", "w"))
PYTHON
run train --task causal.json --model "$llama" --tuner manual --steps 4 --out causal.card --json >train
run eval --card causal.card --model "$llama" --data rows.jsonl --json >eval
python3 -c '
import json
[measured] = [json.loads(line) for line in open("eval")]
assert measured["n"] == 24 and measured["by_answer"]["no_answer"]["n"] == 12, measured'
