# requires: llama manual
# A GGUF file gives the same tokens with the same log-probabilities as its converted folder.
python3 "$SOURCE/tests/installed/tiny_gguf.py" "$SOURCE/tests/golden/models/llama-tied" tiny.gguf
cuecard model convert tiny.gguf folder --quiet
for model in tiny.gguf folder "$SOURCE/tests/golden/models/llama-tied"; do
  cuecard fill --model "$model" --template '{text} It was{"mask"}' --top-k 384 --json 'a film' 'the plot of 1984' >"$(basename "$model").json"
done
cmp tiny.gguf.json folder.json
python3 <<'PYTHON'
from same_rows import *
for a, b in zip(without_summary("folder.json"), without_summary("llama-tied.json"), strict=True): # its matrices were rounded to float16
    a, b = [{top["id"]: top["log_prob"] for top in row["slots"][0]["top"]} for row in (a, b)]
    assert len(a) == 384 and max(abs(a[id] - b[id]) for id in a) < 0.02
PYTHON
cuecard model info tiny.gguf --json | python3 -c '
import json, sys
info = json.load(sys.stdin)
assert (info["family"], info["kv_heads"], info["head_dim"], info["vocabulary"]) == ("llama", 2, 12, 384), info'
