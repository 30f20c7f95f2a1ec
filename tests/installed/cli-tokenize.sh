# `tokenize` gives the ids of the tokenizers package, one JSON list per line, and decodes them.
golden=$SOURCE/tests/golden/tokenizer
mkdir model
cp "$SOURCE/tests/golden/models/llama-tied/config.json" model/
cp "$golden/smollm.json" model/tokenizer.json
python3 - "$golden" <<'PYTHON'
import json, sys
texts = [bytes.fromhex(t) for t in json.load(open(sys.argv[1] + "/texts.json"))]
golden = json.load(open(sys.argv[1] + "/smollm.golden.json"))
one_line = [i for i, t in enumerate(texts) if b"\n" not in t and t]
assert len(one_line) > 20
with open("lines", "wb") as lines, open("ids", "w") as ids:
    for i in one_line:
        lines.write(texts[i] + b"\n")
        ids.write(json.dumps(golden["plain"][i]["ids"], separators=(",", ":")) + "\n")
with open("decoded", "w", newline="") as decoded:
    for i in one_line:
        decoded.write(json.dumps(golden["plain"][i]["text"]) + "\n")
PYTHON
cuecard tokenize --model model <lines >found
cmp found ids
cuecard tokenize --model model --decode --special --json <ids >found
python3 -c '
import json
for a, b in zip(open("found"), open("decoded"), strict=True):
    assert json.loads(a) == json.loads(b), (a, b)'
[ "$(cuecard tokenize --model model 'in this' | cuecard tokenize --model model --decode)" = 'in this' ]

# With --special, special tokens in the text are recognised, and the model's own are added around it.
python3 - "$golden" <<'PYTHON'
import json, subprocess, sys
texts = [bytes.fromhex(t) for t in json.load(open(sys.argv[1] + "/texts.json"))]
golden = json.load(open(sys.argv[1] + "/smollm.golden.json"))
assert golden["special"]
for row, expected in golden["special"].items():
    ids = {}
    for flag in (), ("--special",):
        found = subprocess.run([b"cuecard", b"tokenize", b"--model", b"model", *flag, texts[int(row)]], capture_output=True, check=True)
        ids[flag] = json.loads(found.stdout)
    assert ids["--special",] == expected["ids"] and ids[()] == golden["plain"][int(row)]["ids"] != expected["ids"], (row, ids)
PYTHON
bert=$SOURCE/tests/golden/models/bert-mlm
[ "$(cuecard tokenize --model "$bert" --special 'a film' | cuecard tokenize --model "$bert" --decode --special)" = '[CLS] a film [SEP]' ]
[ "$(cuecard tokenize --model "$bert" --special '')" = '[2,3]' ]

for wrong in '[1, "2"]' '[-1]' '[999999999]' '{}' '[1'; do
  status=0
  echo "$wrong" | cuecard tokenize --model model --decode 2>err || status=$?
  [ $status -eq 3 ] && grep -q 'line 1' err && [ "$(wc -l <err)" -eq 1 ] || { echo "$wrong"; cat err; exit 1; }
done
