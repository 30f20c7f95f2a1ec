# requires: llama manual
# A template with roles gives the same tokens as transformers with the model's own chat template.
source "$SOURCE/tests/smollm2/there"
python3 - "$SOURCE/tests/golden/smollm2_chat.json" >template <<'PYTHON'
import json, sys
chat = json.load(open(sys.argv[1]))["chat"]
for turn in chat:
    content = '{"placeholder": "text"}' if turn is chat[-1] else turn["content"]
    print(f'{{"role": "{turn["role"]}"}}{content}', end="")
print('{"role": "assistant"}{"mask"}', end="")
json.dump({"text": chat[-1]["content"]}, open("row.jsonl", "w"))
PYTHON
for model in "$SMOLLM2" "$SOURCE/.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf"; do
  cuecard render --model "$model" --template "$(cat template)" --data row.jsonl --json >rendered.json
  python3 - "$SOURCE/tests/golden/smollm2_chat.json" <<'PYTHON'
import json, sys
wanted = json.load(open(sys.argv[1]))
found = json.loads(open("rendered.json").readline())
assert found["ids"][:len(wanted["ids"])] == wanted["ids"], (found, wanted)
assert len(found["ids"]) - len(wanted["ids"]) <= 1, found
assert found["answers"] == [len(wanted["ids"]) - 1] or found["answers"] == [len(wanted["ids"])], found
PYTHON
done
