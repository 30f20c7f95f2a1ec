# requires: gpt2 llama manual prompt-tuning
# labels: learning
# Each family of causal models: sizes, training and using a soft prompt, and converting a sharded folder.
golden=$SOURCE/tests/golden/models
for name in gpt2-tied gpt2-untied llama3 mistral qwen2 qwen3; do cuecard model info --json "$golden/$name"; done >info.json

# One word decides the label; the tokenizers of these models have numbered words.
python3 <<'PYTHON'
import json, os, random
random.seed(1 + int(os.environ["CUECARD_TEST_SEED"]))
infos = {line["model"].rsplit("/", 1)[1]: line for line in map(json.loads, open("info.json"))}
sizes = {name: [info[key] for key in ("family", "layers", "heads", "kv_heads", "head_dim", "max_positions")]
         for name, info in infos.items()}
assert sizes == {
    "gpt2-tied": ["gpt2", 3, 3, 3, 6, 40], "gpt2-untied": ["gpt2", 1, 5, 5, 4, 24], "llama3": ["llama", 2, 3, 1, 10, 128],
    "mistral": ["llama", 1, 5, 1, 6, 64], "qwen2": ["llama", 2, 4, 2, 6, 128], "qwen3": ["llama", 2, 4, 2, 8, 64]}, sizes
with open("train.tsv", "w") as file:
    for _ in range(32):
        label = random.randrange(2)
        words = random.choices(["w10", "w11", "w12"], k=3) + [["w20", "w30"][label]]
        file.write(f"{' '.join(random.sample(words, 4))}\t{label}\n")
json.dump({
    "name": "numbers", "data": {"train": "train.tsv", "dev": "train.tsv", "header": False, "fields": {"text": 1}, "label": 2},
    "labels": [{"name": "no", "words": ["w5"], "values": [0]}, {"name": "yes", "words": ["w6"], "values": [1]}],
    "template": "{text}{\"mask\"}",
}, open("task.json", "w"))
PYTHON
for name in gpt2-tied mistral qwen2 qwen3; do
  cuecard train --task task.json --model "$golden/$name" --tuner prompt-tuning --set length=4 --steps 40 --lr 0.1 --seed 1 \
    --out "$name.card" --quiet --json
  cuecard predict --card "$name.card" --model "$golden/$name" --quiet 'w10 w30 w11' | grep '"label"' >/dev/null
done >train.json
python3 <<'PYTHON'
import json
for run in map(json.loads, open("train.json")):
    assert sum(run["losses"][-10:]) < 0.9 * sum(run["losses"][:10]), run["losses"]
PYTHON

# Shards become one file with the same tensors.
python3 - "$golden/qwen3" <<'PYTHON'
import json, shutil, struct, sys
from pathlib import Path
whole, folder = Path(sys.argv[1]), Path("sharded")
folder.mkdir()
for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
    shutil.copy(whole / name, folder)
data = (whole / "model.safetensors").read_bytes()
(length,) = struct.unpack_from("<Q", data)
tensors = {n: e for n, e in json.loads(data[8 : 8 + length]).items() if n != "__metadata__"}
where = {}
for i in range(2):
    file, header, body = f"model-0000{i + 1}-of-00002.safetensors", {}, b""
    for name in sorted(tensors)[i::2]:
        begin, end = tensors[name]["data_offsets"]
        header[name] = {**tensors[name], "data_offsets": [len(body), len(body) + end - begin]}
        body += data[8 + length + begin : 8 + length + end]
        where[name] = file
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / file).write_bytes(struct.pack("<Q", len(text)) + text + body)
(folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
PYTHON
cuecard model convert sharded converted --quiet
cuecard model convert "$golden/qwen3" copied --quiet
cmp converted/model.safetensors copied/model.safetensors
cuecard model convert sharded half --dtype bfloat16 --quiet
[ "$(cuecard model info half --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["parameters"])')" = \
  "$(cuecard model info sharded --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["parameters"])')" ]
