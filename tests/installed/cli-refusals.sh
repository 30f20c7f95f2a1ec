# requires: llama manual
# Errors are one-line messages with the right exit code, unusable rows are named, and Ctrl-C is handled at once.
models=$SOURCE/tests/golden/models model=$SOURCE/tests/golden/models/llama-tied
python3 <<'PYTHON'
import json
def rows(name, count, bad):
    """Rows of `title` and `text`; those at the indices `bad` have no title."""
    with open(name, "w") as file:
        for i in range(count):
            row = {"title": f"film {i}", "text": ["is bad", "is great"][i % 2], "label": i % 2}
            if i in bad:
                del row["title"]
            file.write(json.dumps(row) + "\n")
rows("train.jsonl", 16, {2, 5})
rows("dev.jsonl", 8, {3})
rows("good.jsonl", 8, set())
rows("many.jsonl", 40, set(range(20, 34)))
rows("none.jsonl", 4, set(range(4)))
task = {
    "data": {"train": "train.jsonl", "dev": "dev.jsonl", "label": "label"},
    "labels": [{"name": "no", "words": ["bad"], "values": [0]}, {"name": "yes", "words": ["good"], "values": [1]}],
    "template": "{title} {text}. It was{\"mask\"}",
}
def write(name, data=None, **changes):
    changed = {**task, "name": name, "data": {**task["data"], **(data or {})}, **changes}
    changed = {key: value for key, value in changed.items() if value is not None}
    changed["data"] = {key: value for key, value in changed["data"].items() if value is not None}
    json.dump(changed, open(name + ".json", "w"))
write("toy")
write("unlabelled", {"label": None})
write("unknown-verbalizer", verbalizer={"component": "manuel"})
write("misspelt", {"train": "good.jsonl"}, template="{titel} {text}. It was{\"mask\"}")
write("unclosed", {"train": "good.jsonl"}, template="{title It was")
write("unnamed", labels=None)
write("empty", {"train": "good.jsonl"}, max_length=1)
write("blind", {"train": "good.jsonl", "dev": "none.jsonl"})
with open("words.conll", "w") as file:
    file.write("EU ORG\nrejects O\n\nPeter O\nis O\n\n")
write("words", {"train": "words.conll", "dev": None, "words": {"words": 1}, "label": 2},
      labels=[{"name": "O", "words": ["bad"]}, {"name": "ORG", "words": ["good"]}], template="{words} It was{\"mask\"}")
PYTHON

train() { cuecard train --model "$model" --tuner manual --quiet "$@"; }
expect() { # CODE PATTERN WORDS...
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard "$@" >out 2>err </dev/null || status=$?
  { [ $status -eq $code ] && grep -qE -- "$pattern" err && [ "$(wc -l <err)" -eq 1 ]; } || { echo "cuecard $*: $status"; cat err; exit 1; }
}
learn="train --model $model --tuner manual --quiet"

# Missing labels, in the task or in its rows.
expect 3 '"labels"' $learn --task unnamed.json --out no.card
expect 3 'unlabelled.json: the key "data.label" is missing' $learn --task unlabelled.json --out no.card
expect 3 'words.json: "data.label" is a list of labels.*"manual"' $learn --task words.json --out no.card
# A misspelt field of the template.
expect 3 'misspelt.json: the template uses the field "titel", which no training example has; did you mean "title"\? They have ' $learn --task misspelt.json --out no.card
# A template that can't be parsed is one of a file.
expect 2 '^cuecard: unclosed.json: .*template line 1, column 8: found "I" after the name "title"' $learn --task unclosed.json --out no.card
expect 2 '^cuecard: unclosed.json: .*found "I" after the name "title"' render --task unclosed.json --model "$model" x
# Settings that contradict each other.
# A card that is none is told before the model and the data are read.
mkdir -p notes
expect 3 'notes: is not a card \(a folder with card.json\)\.$' eval --card notes --model none --quiet
expect 3 'notes: is not a card \(a folder with card.json\)\.$' predict --card notes --model none --quiet x
expect 2 '--steps and --epochs' $learn --task toy.json --allow-skipped --steps 3 --epochs 2 --out no.card
expect 2 'omit --template or --card' generate --card no.card --template '{text}' --model "$model" --quiet x
expect 2 '--top-p is for sampling' generate --model "$model" --top-p 0.9 --quiet x
expect 2 '--top-k is for sampling' generate --model "$model" --top-k 3 --temperature 0 --quiet x
# The output path is checked before the task and the model are read.
expect 3 'folder nowhere .*create it first' train --model none --tuner manual --task none.json --out nowhere/no.card
mkdir taken && echo precious >taken/thesis.txt
expect 2 'taken: exists and is not a card' train --model none --tuner manual --task none.json --out taken
# Rows that can't be made into prompts: counted and named; an error with --strict or when none is left.
expect 3 'train.jsonl, line 3: the example can.t be used' $learn --strict --task toy.json --out no.card
expect 3 'good.jsonl: 8 of 8 training examples skipped .100%.; [0-9]+ rows: .* where the limit is 1, .*\.$' $learn --task empty.json --out no.card
expect 3 'train.jsonl: 2 of 16 training examples can.t be used .13%.; 2 rows: .*--allow-skipped' $learn --task toy.json --out no.card
[ ! -e no.card ]
train --allow-skipped --task toy.json --out toy.card --json >toy-train.json 2>err
grep -qE 'train.jsonl: 2 of 16 training examples skipped \(lines 3 and 6: [^;]*; it has [^;]*\)\.$' err
grep -qE 'dev.jsonl: 1 of 8 development examples skipped \(line 4: ' err
[ "$(wc -l <err)" -eq 2 ]
# A metric that was not measured is left out.
train --allow-skipped --task blind.json --out blind.card --json >blind-train.json 2>err
cuecard card info blind.card --json >info.json

cuecard eval --quiet --allow-skipped --card toy.card --model "$model" --task toy.json --data many.jsonl --json >eval.json 2>err
grep -qE 'many.jsonl: 14 of 40 examples skipped \(35%\); 14 rows: .* \(first in line 21\)\.$' err && [ "$(wc -l <err)" -eq 1 ]
expect 3 'many.jsonl: 14 of 40 examples can.t be used .35%.;' eval --quiet --card toy.card --model "$model" --task toy.json --data many.jsonl
expect 3 'none.jsonl: none of its 4 examples .*"toy"; line 1: ' eval --quiet --card toy.card --model "$model" --task toy.json --data none.jsonl
expect 3 'many.jsonl, line 21: the example' eval --quiet --strict --card toy.card --model "$model" --task toy.json --data many.jsonl
printf '{"title": "a", "text": "b", "label": [0, 1]}\n' >lists.jsonl
expect 3 'none of its 1 example .*list of labels' eval --quiet --card toy.card --model "$model" --task toy.json --data lists.jsonl

ask="predict --quiet --card toy.card --model $model"
failed() { local status=0; "$@" || status=$?; [ $status -eq 5 ]; } # some rows could not be used
failed cuecard $ask --data many.jsonl >predict.json 2>err
grep -q '14 of 40 examples skipped' err
expect 3 'many.jsonl, line 21: the example can.t be used' $ask --strict --data many.jsonl
printf '{"title": "a", "text": "b"}\n{"text": "b"}\n' | failed cuecard $ask >stream.json 2>err
status=0
printf '{"title": "a", "text": "b"}\n{"text": "b"}\n' | cuecard $ask --strict >out 2>err || status=$?
[ $status -eq 3 ] && grep -q 'standard input, line 2: the example' err && [ "$(wc -l <err)" -eq 1 ] && [ "$(wc -l <out)" -le 1 ]
expect 3 'text 1: the example can.t be used' $ask --strict 'one text for two fields'
failed cuecard $ask 'one text for two fields' >argument.json 2>err
failed cuecard fill --model "$model" --quiet --json --template '{title}{"mask"}' --data many.jsonl >fill.json
failed cuecard render --model "$model" --json --template '{title}{"mask"}' --data many.jsonl >render.json 2>err
# Rows with the same reason are told together, unless they come one by one.
failed cuecard fill --model "$model" --quiet --template '{title}{"mask"}' --data many.jsonl >out 2>err
grep -qE '^cuecard: many.jsonl, line 21: the example can.t be used: .*"title"' err && [ "$(wc -l <err)" -eq 2 ]
grep -q "^cuecard: 13 more examples can't be used for the same reason as many.jsonl, line 21 (line 22, .*, line 31, ...).$" err
tail -n 3 many.jsonl >last.jsonl && echo '{"text": "b"}' >>last.jsonl && echo '{"text": "b"}' >>last.jsonl
failed cuecard render --model "$model" --template '{title}{"mask"}' <last.jsonl >out 2>err
[ "$(grep -c "the example can't be used" err)" -eq 2 ]
expect 3 'many.jsonl, line 21: the example' fill --model "$model" --quiet --strict --template '{title}{"mask"}' --data many.jsonl
expect 3 'many.jsonl, line 21: the example' render --model "$model" --strict --template '{title}{"mask"}' --data many.jsonl
python3 <<'PYTHON'
import json
def lines(path):
    return [json.loads(line) for line in open(path)]
[train], [blind], [info], [measured] = lines("toy-train.json"), lines("blind-train.json"), lines("info.json"), lines("eval.json")
assert (train["train_examples"], train["skipped"], train["dev_skipped"], train["dev"]["n"]) == (14, 2, 1, 7), train
assert "dev" not in blind and blind["dev_skipped"] == 4 and info["metrics"] == [], (blind, info)
assert (measured["n"], measured["skipped"]) == (26, 14), measured
for path in "predict.json", "fill.json", "render.json":
    bad = {row["row"]: row["line"] for row in lines(path) if "error" in row}
    assert bad == {i: i + 1 for i in range(20, 34)}, (path, bad)
[good, bad], [argument] = lines("stream.json"), lines("argument.json")
assert "line" not in good and bad["line"] == 2 and "error" in argument and "line" not in argument
PYTHON

# Modified cards, and cards of an older version.
python3 <<'PYTHON'
import hashlib, json, shutil, struct
def changed(name, change):
    shutil.copytree("toy.card", name)
    card = json.load(open(name + "/card.json"))
    change(card)
    json.dump(card, open(name + "/card.json", "w"))
changed("older.card", lambda card: card["verbalizer"]["options"].pop("calibrate"))
changed("newer.card", lambda card: card["verbalizer"]["options"].update(calibrat="none"))
changed("nameless.card", lambda card: (card["labels"].clear(), card["verbalizer"]["label_words"].clear()))
changed("foreign.card", lambda card: card["tuner"].update(plugin="elsewhere", component="elsewhere"))
header = json.dumps({"tuner.x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
tensors = struct.pack("<Q", len(header)) + header + struct.pack("<f", float("inf"))
changed("broken.card", lambda card: (card.update(name="broken"), card["template"].update(source="{text It was")))
changed("unknown.card", lambda card: card["tuner"].update(component="elsewhere"))
changed("infinite.card", lambda card: card.update(tensors_sha256=hashlib.sha256(tensors).hexdigest()))
open("infinite.card/card.safetensors", "wb").write(tensors)
names = [f"layer.{i}" for i in range(12)]
header = json.dumps({f"tuner.{name}": {"dtype": "F32", "shape": [1, 2], "data_offsets": [8 * i, 8 * i + 8]} for i, name in enumerate(names)}).encode()
tensors = struct.pack("<Q", len(header)) + header + bytes(8 * len(names))
def imported(card):
    card["tuner"]["options"]["targets"] = ",".join(names)
    card["training"]["settings"] = {"imported-from": "PEFT LORA, CAUSAL_LM", "base-model": "some/model"}
    card["tensors_sha256"] = hashlib.sha256(tensors).hexdigest()
changed("imported.card", imported)
open("imported.card/card.safetensors", "wb").write(tensors)
PYTHON
# People are shown the first of many tensors and weights, in their order, and where a card that was not trained comes from.
cuecard card info imported.card >info
[ "$(grep '^tensor ' info | grep -oE 'layer\.[0-9]+' | tr '\n' ' ')" = 'layer.0 layer.1 layer.2 layer.3 layer.4 layer.5 layer.6 layer.7 ' ]
grep -qE '^ +and 4 more; --json lists all$' info
grep -qE '^tensors +12 with 24 numbers$' info
grep -qE 'targets=layer.0,layer.1,layer.2,\.\.\. \(12\)' info
grep -qE '^imported +from PEFT LORA, CAUSAL_LM, base model some/model$' info
if grep '^trained' info; then exit 1; fi
cuecard card info toy.card | grep -E '^trained +0 steps on ' >/dev/null
cuecard card info imported.card --json | python3 -c 'import json, sys; assert len(json.load(sys.stdin)["tensors"]) == 12'
# An unknown component is named with the task file that has it, and text that is not UTF-8 is called that.
expect 2 'unknown-verbalizer.json: there is no verbalizer "manuel"' train --task unknown-verbalizer.json --model "$model" --tuner manual --out no.card
printf '{"name": "caf\xe9"}' >latin.json
expect 3 'latin.json: is not valid JSON at line 1, column 14: it is not UTF-8 there; save the file as UTF-8' \
  train --task latin.json --model "$model" --tuner manual --out no.card
# A card whose verbalizer could not be fitted says so at each use.
python3 - <<'PYTHON'
import json, shutil
shutil.copytree("toy.card", "unfitted.card")
card = json.load(open("unfitted.card/card.json"))
card["verbalizer"]["fit_failure"] = "no prototypes"
json.dump(card, open("unfitted.card/card.json", "w"))
PYTHON
cuecard predict --quiet --card unfitted.card --model "$model" --data good.jsonl 2>err >unfitted.json
[ "$(grep -c . err)" -eq 1 ]
grep -q '^cuecard: warning: unfitted.card: the verbalizer "manual" could not be fitted after training, .*(no prototypes)\.$' err
cuecard predict --quiet --card toy.card --model "$model" --data good.jsonl | cmp - unfitted.json
cuecard card info unfitted.card | grep 'not fitted after training: no prototypes' >/dev/null

with() { local card=$1; shift; echo predict --quiet --card "$card" --model "$model" x; }
cuecard predict --quiet --card older.card --model "$model" --data good.jsonl >older.json
cuecard predict --quiet --card toy.card --model "$model" --data good.jsonl | cmp - older.json
expect 3 'card "toy": verbalizer "manual" has no option "calibrat". Did you mean "calibrate"' $(with newer.card)
expect 3 '"labels"' $(with nameless.card)
expect 4 'card "toy" needs the plugin "elsewhere".*--plugin-path' $(with foreign.card)
expect 2 '^cuecard: broken.card: .*template line 1, column 7: found "I" after the name "text"' $(with broken.card) --card toy.card
expect 4 'plugin "manual", installed in version [0-9.]+, has no tuner "elsewhere"; it has ' $(with unknown.card)
expect 3 'infinite.card/card.safetensors: .*infinite' $(with infinite.card)
expect 2 'unknown flag --seed' $(with toy.card) --seed 1
[ -e /dev/nvidia0 ] || expect 2 'device cuda' train --device cuda --model none --tuner manual --task none.json --out nowhere/no.card

# Damaged weights are not treated as missing.
cp -r "$model" damaged
head -c 200 "$model/model.safetensors" >damaged/model.safetensors
expect 3 'damaged/model.safetensors' model info damaged

# The first Ctrl-C ends a program that waits for input; earlier lines are answered.
python3 - "$model" <<'PYTHON'
import signal, subprocess, sys
commands = {
    "predict": ["cuecard", "predict", "--quiet", "--card", "toy.card", "--model", sys.argv[1]],
    "fill": ["cuecard", "fill", "--quiet", "--json", "--model", sys.argv[1], "--template", '{title} {text}{"mask"}'],
}
for verb, command in commands.items():
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    print('{"title": "a", "text": "b"}', file=process.stdin, flush=True)
    answer = process.stdout.readline()
    assert '"row":0' in answer, (verb, answer)
    print('{"title": "half a li', end="", file=process.stdin, flush=True)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=120)  # standard input stays open
    error = process.stderr.read()
    assert process.returncode == 130 and "press Ctrl-C again to end at once" in error, (verb, process.returncode, error)
    assert '"error"' not in process.stdout.read(), verb
PYTHON
