# requires: llama manual
# Damaged and hostile model folders: each gets a one-line message and exit code 3, and no memory is allocated for sizes that a header
# only declares.
python3 - "$SOURCE/tests/golden/models/llama-tied" <<'PYTHON'
import json, os, re, shutil, struct, subprocess, sys
from pathlib import Path

sound = Path(sys.argv[1])
SANITIZED = b"libasan" in Path(shutil.which("cuecard")).read_bytes()  # the memory of a sanitizer would be measured
CONFIG = json.loads((sound / "config.json").read_text())
TOKENIZER = json.loads((sound / "tokenizer.json").read_text())
BYTES = (sound / "model.safetensors").read_bytes()
(LENGTH,) = struct.unpack_from("<Q", BYTES)
HEADER, DATA = json.loads(BYTES[8 : 8 + LENGTH]), BYTES[8 + LENGTH :]
EMBEDDING = "model.embed_tokens.weight"


def safetensors(header: dict, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def folder(name: str, weights: bytes = BYTES, config: dict = CONFIG, tokenizer: dict = TOKENIZER) -> Path:
    path = Path(name)
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config))
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    if weights:
        (path / "model.safetensors").write_bytes(weights)
    return path


def ask(path: Path) -> tuple[int, str, int]:
    """Exit code, standard error, and the most memory that was used, in KB."""
    command = ["cuecard", "fill", "--model", str(path), "--quiet", "--json", "--template", 'It was{"mask"}', "--top-k", "1"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    process.stdin.write(b'{"text": "x"}\n')
    process.stdin.close()
    said = process.stderr.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), said, used.ru_maxrss


def changed(entry: dict) -> bytes:
    return safetensors({**HEADER, EMBEDDING: {**HEADER[EMBEDDING], **entry}}, DATA)


def sharded(name: str, shards: dict[str, bytes], places: dict[str, str]) -> Path:
    path = folder(name, b"")
    for shard, content in shards.items():
        (path / shard).write_bytes(content)
    (path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return path


def million_tensors() -> bytes:
    """Written by pieces: what this process holds counts as its children's."""
    text = b"{" + b",".join(b'"t%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i for i in range(1_000_000)) + b"}"
    return struct.pack("<Q", len(text)) + text


def with_number(number: float) -> bytes:
    begin, _ = HEADER["model.norm.weight"]["data_offsets"]
    return safetensors(HEADER, DATA[:begin] + struct.pack("<f", number) + DATA[begin + 4 :])


def with_added(*tokens: dict) -> dict:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {**TOKENIZER, "added_tokens": TOKENIZER["added_tokens"] + [{**flags, **token} for token in tokens]}


code, said, most = ask(folder("sound"))
assert code == 0 and not said, (code, said)
rows, width = HEADER[EMBEDDING]["shape"]
begin, end = HEADER[EMBEDDING]["data_offsets"]
without = {name: entry for name, entry in HEADER.items() if name != EMBEDDING}
other, vocabulary = next(name for name in without if name != "__metadata__"), TOKENIZER["model"]["vocab"]
first, second = sorted(vocabulary, key=vocabulary.get)[-2:]
places = {name: "one.safetensors" for name in HEADER if name != "__metadata__"}
CASES = {
    # name: how the folder is made, and the expected message
    "missing-tensor": (lambda name: folder(name, safetensors({**without, "other": HEADER[EMBEDDING]}, DATA)), f'no tensor "{EMBEDDING}"'),
    "wrong-shape": (lambda name: folder(name, changed({"shape": [width, rows]})), rf'"{EMBEDDING}" has the shape .* expected \[{rows}, {width}\]'),
    "shape-and-bytes": (lambda name: folder(name, changed({"shape": [rows, width + 1]})), f'"{EMBEDDING}" has the data_offsets'),
    "vast-shape": (lambda name: folder(name, changed({"shape": [2**40, 2**20]})), f'"{EMBEDDING}" has the data_offsets'),
    "truncated": (lambda name: folder(name, BYTES[:-100]), "model.safetensors: .* cut off"),
    "truncated-shard": (lambda name: sharded(name, {"one.safetensors": BYTES[:-100]}, places), "one.safetensors: .* cut off"),
    "truncated-header": (lambda name: folder(name, BYTES[:100]), "is cut off: its header"),
    "absent-shard": (lambda name: sharded(name, {}, places), 'refers to the file "one.safetensors", which is missing'),
    "header-longer-than-file": (lambda name: folder(name, struct.pack("<Q", 99_000_000) + BYTES[8:]), "is cut off: its header should have 99000000"),
    "header-beyond-all": (lambda name: folder(name, b"\xff" * 8 + BYTES[8:]), "claims a header of 18446744073709551615"),
    "overlap": (lambda name: folder(name, changed({"data_offsets": [begin + 4, end + 4]})), "overlaps|gap|cut off"),
    "same-place": (lambda name: folder(name, safetensors({**HEADER, "twin": HEADER[EMBEDDING]}, DATA)), '"twin" overlaps|overlaps "twin"'),
    "control-characters": (lambda name: folder(name, safetensors({**HEADER, "\x1b[2J\r": HEADER[EMBEDDING]}, DATA)), "overlaps"),
    "nan": (lambda name: folder(name, with_number(float("nan"))), '"model.norm.weight" holds NaN'),
    "infinite": (lambda name: folder(name, with_number(float("inf"))), '"model.norm.weight" holds NaN or infinite'),
    "nested-tokenizer": (lambda name: folder(name, tokenizer={**TOKENIZER, "normalizer": json.loads('{"a":' * 200 + "0" + "}" * 200)}), "nested more than"),
}
for key, value in {"num_hidden_layers": 2**40, "hidden_size": 2**62, "num_attention_heads": 0, "num_key_value_heads": 3,
                   "head_dim": 2**33, "intermediate_size": -1, "vocab_size": 2**63, "rms_norm_eps": "x",
                   "max_position_embeddings": -5, "model_type": ["llama"]}.items():
    CASES["config-" + key] = (lambda name, key=key, value=value: folder(name, config={**CONFIG, key: value}), key)
CASES["config-many-layers"] = (lambda name: folder(name, config={**CONFIG, "num_hidden_layers": 1000}), "no tensor")
CASES["a-million-tensors"] = (lambda name: folder(name, million_tensors()), "no tensor")

# Read as the tokenizers package reads them, with a warning.
for name, tokens in {"exchanged": [{"id": vocabulary[first], "content": second}, {"id": vocabulary[second], "content": first}],
                     "far-away": [{"id": 2**31 - 1, "content": "<far>"}]}.items():
    code, said, _ = ask(folder(name, tokenizer=with_added(*tokens)))
    assert code == 0 and len(re.findall(r'warning: .*"added_tokens\[\d+\].id" is \d+, but', said)) == len(tokens), (name, code, said)

for name, (make, expected) in CASES.items():
    code, said, memory = ask(make(name))
    allowed = most + (900_000 if name == "a-million-tensors" else 30_000)  # its header alone is 70 MB
    assert code == 3 and said.count("\n") == 1 and re.search(expected, said), (name, code, said)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", said), (name, said)  # control characters for a terminal
    assert SANITIZED or memory < allowed, (name, memory, most)
    shutil.rmtree(name)

# Damaged weights are reported by tensor name in prediction and generation.
with open("train.tsv", "w") as file:
    file.write("text\tlabel\ngood film\t1\nbad film\t0\n")
Path("toy.json").write_text(json.dumps({"name": "toy", "data": {"train": "train.tsv", "label": "label"}, "template": "{text} It was",
    "labels": [{"name": "0", "words": ["bad"]}, {"name": "1", "words": ["good"]}]}))
broken = folder("broken", with_number(float("nan")))
trained = subprocess.run(["cuecard", "train", "--task", "toy.json", "--model", str(broken), "--tuner", "manual", "--out", "toy.card", "--quiet"],
                         capture_output=True, text=True)
assert trained.returncode == 0, trained.stderr  # nothing is computed without development examples
asked = subprocess.run(["cuecard", "predict", "--card", "toy.card", "--model", str(broken), "--quiet", "good film"], capture_output=True, text=True)
assert asked.returncode == 3 and re.search('"model.norm.weight" holds NaN', asked.stderr) and not asked.stdout, asked
written = subprocess.run(["cuecard", "generate", "--model", str(broken), "--quiet", "--max-new-tokens", "3", "good film"], capture_output=True, text=True)
assert written.returncode == 3 and re.search('"model.norm.weight" holds NaN', written.stderr), written
PYTHON
