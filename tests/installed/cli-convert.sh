# `model convert` writes a Hugging Face folder, from another one and from a GGUF file, with equal numbers.
golden=$SOURCE/tests/golden/models
python3 "$SOURCE/tests/installed/tiny_gguf.py" "$golden/llama-tied" tiny.gguf
cuecard model convert tiny.gguf from-gguf --json >from-gguf.json
cuecard model convert "$golden/llama-untied" from-folder --quiet
cuecard model convert tiny.gguf half --dtype float16 --quiet
python3 - "$golden" <<'PYTHON'
import json, os, struct, sys
from pathlib import Path
from tiny_gguf import read_safetensors

golden = Path(sys.argv[1])
rounded = lambda numbers: list(struct.unpack(f"<{len(numbers)}e", struct.pack(f"<{len(numbers)}e", *numbers)))
expected, found = read_safetensors(golden / "llama-tied/model.safetensors"), read_safetensors(Path("from-gguf/model.safetensors"))
assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
for name, (shape, numbers) in expected.items():
    in_float32 = len(shape) == 1 or name == "model.embed_tokens.weight"
    assert found[name][0] == shape, name
    assert list(found[name][1]) == (list(numbers) if in_float32 else rounded(numbers)), name
config, before = [json.load(open(path / "config.json")) for path in (Path("from-gguf"), golden / "llama-tied")]
for key in ("model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size",
            "intermediate_size", "rms_norm_eps", "max_position_embeddings", "tie_word_embeddings", "bos_token_id", "eos_token_id"):
    assert config[key] == before[key], key
assert config["rope_parameters"]["rope_theta"] == before["rope_parameters"]["rope_theta"]
printed = json.load(open("from-gguf.json"))
assert (printed["model"], printed["dtype"]) == ("from-gguf", "float32"), printed
assert read_safetensors(Path("from-folder/model.safetensors")) == read_safetensors(golden / "llama-untied/model.safetensors")
assert 0.45 < os.path.getsize("half/model.safetensors") / os.path.getsize("from-gguf/model.safetensors") < 0.6
PYTHON
for pair in from-gguf:llama-tied from-folder:llama-untied; do
  for text in 'a film' ' 12 films!' 'naïve 🙂'; do
    [ "$(cuecard tokenize --model ${pair%:*} "$text")" = "$(cuecard tokenize --model "$golden/${pair#*:}" "$text")" ]
  done
done
status=0
cuecard model convert tiny.gguf from-gguf 2>err || status=$?
[ $status -eq 2 ] && grep -q from-gguf err
