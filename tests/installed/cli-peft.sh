# requires: gpt2 llama manual p-tuning prefix-tuning prompt-tuning text
# PEFT adapters: import as cards and export, the effect of flags, and what can't be converted.
source "$SOURCE/tests/installed/toy_task"
adapters=$SOURCE/tests/golden/adapters gpt2=$models/gpt2-tied

# Import: the text alone by default, or a template, labels and their words.
run card import "$adapters/llama-prefix" --model "$llama" --out plain.card --json >plain.json
run card import "$adapters/llama-prefix" --model "$llama" --task toy.json --out toy.card --json >toy.json.out
run card import "$adapters/llama-multitask" --model "$llama" --task-id 1 --label terrible --label great --template '{text} is' --out words.card --json >words.json
run card import "$adapters/gpt2-prompt" --model "$gpt2" --tuner p-tuning --out named.card --json >named.json 2>named.err
grep -c 'embedding matrix' named.err | grep -qx 2
run predict --card toy.card --card words.card --model "$llama" --json <<'TEXTS' >predicted
{"text": "the film", "card": "toy"}
{"text": "the film", "card": "llama-multitask"}
TEXTS
cuecard card info toy.card --json >info
python3 -c 'import json; task = json.load(open("toy.json")); task["verbalizer"] = {"options": {"calibrate": "blank"}}; json.dump(task, open("calibrated.json", "w"))'
run card import "$adapters/llama-prefix" --model "$llama" --task calibrated.json --out calibrated.card
run predict --card calibrated.card --model "$llama" 'the film' >calibrated

# Export gives the same tensors.
run card export plain.card again --model "$llama" --base some/model --json >out.json
run card export words.card rows --model "$llama" --drop-template --json >rows.json
run card export words.card many --model "$llama" --drop-template --type MULTITASK_PROMPT_TUNING --json >many.json
run card import many --model "$llama" --label terrible --label great --template '{text} is' --out words2.card
run predict --card words.card --card 'again=words2.card' --model "$llama" --json <<'TEXTS' >same
{"text": "the film", "card": "llama-multitask"}
{"text": "the film", "card": "again"}
TEXTS
python3 <<'PYTHON'
import json, os
from same_rows import *
[plain], [toy], [words], [named] = lines("plain.json"), lines("toy.json.out"), lines("words.json"), lines("named.json")
assert plain == {"card": "llama-prefix", "out": "plain.card", "adapter": plain["adapter"], "peft_type": "PREFIX_TUNING",
                 "task_type": "CAUSAL_LM", "base_model": "llama-tied", "virtual_tokens": 3, "tuner": "prefix-tuning",
                 "verbalizer": "text", "labels": [], "not_imported": []}, plain
assert toy["card"] == "toy" and toy["labels"] == ["no", "yes"] and toy["verbalizer"] == "manual", toy
assert words["labels"] == ["terrible", "great"] and words["tuner"] == "prompt-tuning", words
assert named["tuner"] == "p-tuning" and named["adapter"].endswith("gpt2-prompt/reviews") and len(named["not_imported"]) == 2, named
[info] = lines("info")
assert info["training"]["settings"]["imported-from"] == "PEFT PREFIX_TUNING, CAUSAL_LM" and info["label_words"] == [["terrible"], ["great"]], info
first, second = without_summary("predicted")
[calibrated] = lines("calibrated")
assert abs(calibrated["scores"]["no"] - first["scores"]["no"]) > 1e-4, (calibrated, first)
assert set(first["scores"]) == {"no", "yes"} and set(second["scores"]) == {"terrible", "great"}
source = json.load(open(os.environ["SOURCE"] + "/tests/golden/adapters/llama-prefix/adapter_config.json"))
written = json.load(open("again/adapter_config.json"))
for key in "peft_type", "task_type", "num_virtual_tokens", "num_layers", "num_attention_heads", "token_dim", "num_transformer_submodules":
    assert written[key] == source[key], (key, written[key], source[key])
assert written["base_model_name_or_path"] == "some/model" and set(os.listdir("again")) == {"adapter_config.json", "adapter_model.safetensors"}
[out], [rows], [many] = lines("out.json"), lines("rows.json"), lines("many.json")
assert out["not_exported"] == [] and out["base_model"] == "some/model" and not out["head"], out
assert len(rows["not_exported"]) == 2 and "{text} is" in rows["not_exported"][0] and "great" in rows["not_exported"][1], rows
assert rows["peft_type"] == "PROMPT_TUNING" and many["peft_type"] == "MULTITASK_PROMPT_TUNING"
before, after = without_summary("same")
assert before["scores"] == after["scores"], (before, after)
PYTHON

# The model that the adapter names and the one that is given.
cp -r "$llama" renamed-model
cuecard card import "$adapters/llama-prefix" --model renamed-model --out renamed.card >out 2>err
grep -q 'warning: the adapter was trained for the model "llama-tied" .*, and --model is "renamed-model"' err
cuecard card import "$adapters/llama-prefix" --model "$llama" --out plain.card >out 2>err
if grep -q 'was trained for' err; then exit 1; fi

# Invalid flags and files.
expect 2 'takes more values|is required|--out' card import "$adapters/llama-prefix" --model "$llama"
expect 2 'omit --template and --label' card import "$adapters/llama-prefix" --model "$llama" --task toy.json --label a --out no.card
expect 2 'two labels have the same name, "a"' card import "$adapters/llama-prefix" --model "$llama" --label a --label a --out no.card
expect 2 'has 2 tasks, numbered from 0' card import "$adapters/llama-multitask" --model "$llama" --task-id 2 --out no.card
expect 2 '--task-id applies only to MULTITASK_PROMPT_TUNING' card import "$adapters/llama-prefix" --model "$llama" --task-id 1 --out no.card
expect 2 'does not support PREFIX_TUNING adapters' card import "$adapters/llama-prefix" --model "$llama" --tuner prompt-tuning --out no.card
expect 2 'contains several adapters; choose one of' card import "$adapters" --model "$llama" --out no.card
expect 3 'it has no adapter_config.json' card import "$llama" --model "$llama" --out no.card
expect 3 "embedding width is 48, but the gpt2 model's is 18" card import "$adapters/llama-prompt" --model "$gpt2" --out no.card
mkdir modelless && cp "$llama/tokenizer.json" modelless
expect 3 'config.json' card import "$adapters/llama-prompt" --model modelless --out no.card
mkdir pickle && cp "$adapters/llama-prompt/adapter_config.json" pickle && echo x >pickle/adapter_model.bin
expect 3 'is a PyTorch pickle, .*convert it once in Python' card import pickle --model "$llama" --out no.card
[ ! -e no.card ]

# What can't be converted.
expect 2 'already exists' card export plain.card again --model "$llama"
expect 2 "has a prefix in every layer; its type is PREFIX_TUNING" card export plain.card no --model "$llama" --type P_TUNING
expect 3 'template adds " is" to the input' card export words.card no --model "$llama"
trained() { # NAME TUNER TEMPLATE WORDS...
  local name=$1 tuner=$2 template=$3
  shift 3
  TEMPLATE=$template python3 -c 'import json, os; json.dump(json.load(open("toy.json")) | {"template": os.environ["TEMPLATE"]}, open("one.json", "w"))'
  run train --task one.json --model "$llama" --tuner "$tuner" --steps 1 --lr 0.01 --out "$name.card" "$@" >/dev/null
}
trained middle prompt-tuning '{"placeholder": "text"}{"soft"}{"mask"}'
expect 3 'is within or after the text' card export middle.card no --model "$llama"
trained uncounted prefix-tuning '{text}' --set length=2 --set mid-dim=4 --set count-positions=false
expect 3 'does not count towards position ids, and PEFT.s always does' card export uncounted.card no --model "$llama"
trained nothing manual '{text}'
expect 3 'tuner "manual" trained neither' card export nothing.card no --model "$llama"
[ ! -e no ]
