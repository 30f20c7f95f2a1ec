#!/usr/bin/env bash
# embed.sh PREFIX SOURCE FOLDER: builds examples/embed using only the package installed in PREFIX, and compares its answers with those
# of the installed program.
set -euo pipefail
prefix=$1 source=$2 folder=$3
rm -rf "$folder"
mkdir -p "$folder"
cp -r "$source/examples/embed" "$folder/project"
cd "$folder"

cmake -G Ninja -S project -B build -DCMAKE_PREFIX_PATH="$prefix" >configure.log 2>&1 || { cat configure.log; exit 1; }
cmake --build build
if grep -q "$source/\(sdk\|core\)" build/build.ninja; then
  echo "embed was built with files of the source tree"
  exit 1
fi
# The same without CMake.
flags=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --cflags --libs cuecard)
cc -o embed-pkg-config project/embed.c $flags

. "$source/tests/package/colour_task.sh"
model=$source/tests/golden/models/llama-tied
for tuner in prompt-tuning p-tuning-v2 lora; do
  "$prefix/bin/cuecard" train --task task.json --model "$model" --tuner $tuner --steps 20 --quiet --out $tuner >/dev/null
done

cut -f1 rows.tsv >texts.txt
build/embed "$model" prompt-tuning p-tuning-v2 lora <texts.txt >answers.tsv
python3 - "$prefix/bin/cuecard" "$model" <<'PY'
import json, subprocess, sys

program, model = sys.argv[1:]
texts = open("texts.txt").read().splitlines()
cards = ["lora", "p-tuning-v2", "prompt-tuning"]
rows = "".join(json.dumps({"text": text, "card": card}) + "\n" for text in texts for card in cards)
command = [program, "predict", "--model", model, "--quiet", *(f"--card={card}={card}" for card in cards)]
expected = [json.loads(line) for line in subprocess.run(command, input=rows, text=True, capture_output=True, check=True).stdout.splitlines()]
answers = [line.split("\t") for line in open("answers.tsv").read().splitlines()]
assert len(answers) == len(expected) == 24, (len(answers), len(expected))
for (text, card, label, probability), other in zip(answers, expected):
    assert card == other["card"] and label == other["label"], (text, card, label, other)
    assert abs(float(probability) - other["scores"][label]) < 1e-4, (text, card, probability, other)
PY
# Training by the C++ header: two ranks learn what one process does, and a card is that of the program.
c++ -std=c++17 -Wall -Wextra -Werror -o train "$source/tests/package/train.cpp" $flags
sed -i 's/"train": "rows.tsv"/"train": "rows.tsv", "dev": "rows.tsv"/' task.json
./train "$model" >trained.jsonl
"$prefix/bin/cuecard" train --task task.json --model "$model" --tuner prompt-tuning --steps 6 --evaluate-every 3 --threads 1 --quiet \
  --out program.card --json >>trained.jsonl
python3 - <<'PY'
import json

ranks, alone, stopped, program = map(json.loads, open("trained.jsonl"))
assert alone["losses"] == program["losses"] and len(alone["losses"]) == 6 and alone["out"] == "alone.card", (alone, program)
assert ranks["ranks"] == 2 and max(abs(a - b) for a, b in zip(ranks["losses"], alone["losses"])) < 1e-5, (ranks, alone)
assert stopped["cancelled"] and stopped["steps"] == 2, stopped
PY
cmp alone.card/card.safetensors program.card/card.safetensors
[ -e thrown.card/card.json ]

label=$("$prefix/bin/cuecard" predict --model "$model" --card lora --quiet "I saw a red pear" | python3 -c 'import json, sys; print(json.load(sys.stdin)["label"])')
[ "$(build/embed-c "$model" lora "I saw a red pear")" = "$label" ]
[ "$(./embed-pkg-config "$model" lora "I saw a red pear")" = "$label" ]
if build/embed-c "$model" nowhere x 2>error.txt; then exit 1; fi
grep -q "^embed-c: .*nowhere" error.txt
