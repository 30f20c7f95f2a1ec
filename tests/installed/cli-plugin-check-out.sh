# requires: head llama manual prompt-tuning
# labels: learning
# `plugin check --out` writes the kit's models and its planted task, and the program trains on them as they are.
seed=$((1 + CUECARD_TEST_SEED))
check=(plugin check "$PLUGINS/prompt-tuning.so" --only names)
cuecard "${check[@]}" --seed $seed --out kit --json >kit.jsonl
cuecard "${check[@]}" --seed $seed --out again >again.txt
cuecard "${check[@]}" --seed $((seed + 1)) --out other/ >other.txt

# One seed gives the same bytes; another one other examples and weights, in files of the same form.
diff -r kit again
for file in train.jsonl test.jsonl causal/model.safetensors; do
  if cmp -s kit/$file other/$file; then echo "$file is the same with another seed"; exit 1; fi
done
for file in causal/config.json causal/tokenizer.json tuner-prompt-tuning.causal.json; do cmp kit/$file other/$file; done
grep -E '^again/causal +written$' again.txt >/dev/null
[ -e again/masked ] || grep -E '^again/masked +skipped  .*"bert"' again.txt >/dev/null
grep -E '^names +passed' again.txt >/dev/null # the cases are run, too
python3 <<'PYTHON'
import json, os
lines = [json.loads(line) for line in open("kit.jsonl")]
assert [line["case"] for line in lines[1:-1]] == ["names"] and lines[0]["out"] == "kit", lines
files = {file["file"]: file for file in lines[0]["files"]}
written = {name for name, file in files.items() if file["written"]}
assert written == set(os.listdir("kit")) and {"train.jsonl", "test.jsonl"} <= written, files
assert all("text" not in files[name] for name in written), files
for family, backbone in ("causal", "llama"), ("masked", "bert"), ("encoder-decoder", "t5"): # llama is required here
    task = f"tuner-prompt-tuning.{family}.json"
    assert {family, task} <= written if family in written else f'"{backbone}"' in files[family]["text"] and task not in files, files
assert "causal" in written

for name, count in ("train", 8), ("test", 32):
    rows = [json.loads(line) for line in open(f"kit/{name}.jsonl")]
    assert len(rows) == count and {row["label"] for row in rows} == {0, 1}
    for row in rows:
        verdict = ["bad", "good"][row["label"]]
        assert row["words"] == row["text"].split() and row["context"] == row["text"], row
        assert row["words"].count(verdict) == 1 and ["good", "bad"][row["label"]] not in row["words"], row
        assert row["word_labels"] == [int(word == verdict) for word in row["words"]], row
        assert row["answer"] == verdict == row["text"][row["start"]:row["start"] + len(verdict)], row
        assert row["choices"][row["label"]].startswith(verdict), row
PYTHON

# The case "tuner-trains" by hand: its loss falls, the same way each time.
task=kit/tuner-prompt-tuning.causal.json
train=(train --task $task --model kit/causal --tuner prompt-tuning --seed $seed --steps 40 --batch-size 8 --threads 1 --quiet --json)
cuecard "${train[@]}" --out kit.card >train.json
cuecard "${train[@]}" --out again.card >/dev/null
cmp kit.card/card.safetensors again.card/card.safetensors
cuecard eval --card kit.card --model kit/causal --task $task --quiet --json >eval.json
cuecard predict --card kit.card --model kit/causal --data kit/test.jsonl --quiet --json >predict.jsonl
python3 <<'PYTHON'
import json
from same_rows import *
[train], [measured] = lines("train.json"), lines("eval.json")
assert (train["train_examples"], train["skipped"], train["dev"]["n"], train["dev_skipped"]) == (8, 0, 8, 0), train
assert len(train["losses"]) == 40 and sum(train["losses"][-10:]) < 0.99 * sum(train["losses"][:10]), train["losses"]
assert (measured["n"], measured["skipped"]) == (32, 0), measured
rows, gold = without_summary("predict.jsonl"), [json.loads(line)["label"] for line in open("kit/test.jsonl")]
right = [row["label"] == ["bad", "good"][label] for row, label in zip(rows, gold, strict=True)]
assert measured["accuracy"] == sum(right) / 32, (measured, right)
PYTHON

# Verbalizers of all kinds of tasks: of examples, of words, of parts of a text, of alternatives. Options of --set are in the files.
cuecard plugin check "$PLUGINS/head.so" --only names --seed $seed --set dropout=0.25 --out heads >heads.txt
for name in head words spans choices; do
  task=heads/verbalizer-$name.causal.json
  [ -e $task ] || { cat heads.txt; exit 1; }
  cuecard train --task $task --model heads/causal --tuner manual --seed $seed --steps 2 --quiet --json --out $name.card >train.json
  cuecard eval --card $name.card --model heads/causal --task $task --quiet --json >eval.json
  NAME=$name python3 <<'PYTHON'
import json, os
from same_rows import *
name = os.environ["NAME"]
assert json.load(open(f"heads/verbalizer-{name}.causal.json"))["verbalizer"] == {"component": f"head/{name}", "options": {"dropout": "0.25"}}
[train], [measured], rows = lines("train.json"), lines("eval.json"), lines("heads/test.jsonl")
assert (train["train_examples"], train["skipped"], train["steps"], measured["skipped"]) == (8, 0, 2, 0), (train, measured)
assert measured["n"] == (len({row["text"] for row in rows}) if name == "spans" else len(rows)), measured # texts: inputs
PYTHON
done

# What is refused, before anything is run or written.
refused() { # CODE PATTERN FOLDER
  local status=0
  cuecard "${check[@]}" --out "$3" >out 2>err || status=$?
  { [ $status -eq "$1" ] && grep -qE -- "$2" err && [ "$(wc -l <err)" -eq 1 ] && [ ! -s out ]; } ||
    { echo "--out $3: $status, expected $1 and \"$2\""; cat out err; exit 1; }
}
echo kept >file
mkdir empty full
touch full/file
refused 2 '^cuecard: full: already exists; choose another folder\.$' full
refused 2 '^cuecard: file: already exists' file
refused 2 '^cuecard: file/: already exists' file/
refused 3 '^cuecard: missing/kit: could not be written: No such file or directory' missing/kit
refused 3 '^cuecard: file/kit: could not be written: Not a directory' file/kit
mkdir -m 555 locked
[ -w locked ] || refused 3 '^cuecard: locked/kit: could not be written: Permission denied' locked/kit # root may write anywhere
[ "$(cat file)" = kept ] && [ "$(ls full)" = file ] && [ -z "$(ls locked)" ]
cuecard "${check[@]}" --seed $seed --out empty >/dev/null
diff -r kit empty
[ -z "$(find . -name '.?*')" ] # nothing half written
