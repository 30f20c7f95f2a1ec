# requires: llama manual
# `render` for a causal model: there is no mask; the output is that of the last token before the answer. No weights are needed.
mkdir model
cp "$SOURCE"/tests/golden/models/llama-tied/{config,tokenizer,tokenizer_config}.json model/
cuecard render --json --model model --template '{text}{"soft"} It was{"mask"}' 'a film' >out
cuecard tokenize --model model 'a film' ' It was' >ids
python3 <<'PYTHON'
import json
row = json.load(open("out"))
text, after = [json.loads(line) for line in open("ids")]
assert row["answers"] == [len(row["ids"]) - 1] and row["soft"].count(1) == 1
assert row["ids"][: len(text)] == text and row["ids"][len(text) + 1 :] == after
assert row["soft"][len(text)] == 1
PYTHON
