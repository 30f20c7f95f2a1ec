#!/usr/bin/env bash
# hello_tuner.sh PREFIX SOURCE FOLDER: builds examples/hello-tuner using only the package installed in PREFIX, then trains and uses a
# card with the installed program.
set -euo pipefail
prefix=$1 source=$2 folder=$3
rm -rf "$folder"
mkdir -p "$folder"
cp -r "$source/examples/hello-tuner" "$folder/project"
cd "$folder"

cmake -G Ninja -S project -B build -DCMAKE_PREFIX_PATH="$prefix" >configure.log 2>&1 || { cat configure.log; exit 1; }
cmake --build build
if grep -q "$source/\(sdk\|core\)" build/build.ninja; then
  echo "hello-tuner was built with files of the source tree"
  exit 1
fi

cuecard() {
  "$prefix/bin/cuecard" "$@"
}
cuecard plugin info hello-tuner --plugin-path build/plugins | tee info.txt
grep -q length info.txt

# A synthetic task: the label is the colour word in the text.
for word in apple pear plum grape; do
  printf 'I saw a red %s\tred\nI saw a blue %s\tblue\n' $word $word
done >rows.tsv
cat >task.json <<'JSON'
{
  "data": { "train": "rows.tsv", "test": "rows.tsv", "header": false, "fields": { "text": 1 }, "label": 2 },
  "labels": [{ "name": "red", "words": ["love"] }, { "name": "blue", "words": ["leave"] }],
  "template": "{\"placeholder\": \"text\"}:{\"mask\"}"
}
JSON
model=$source/tests/golden/models/llama-tied
accuracy_after() { # STEPS: trains a card for that many steps and prints its accuracy
  cuecard train --task task.json --model "$model" --tuner hello-tuner --plugin-path build/plugins --set length=4 \
    --steps "$1" --lr 0.05 --quiet --out card >train.txt
  cuecard eval --card card --model "$model" --plugin-path build/plugins --data rows.tsv --task task.json --json --quiet |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["accuracy"])'
}
[ "$(accuracy_after 1)" != 1.0 ] # otherwise the next check would prove nothing
[ "$(accuracy_after 120)" = 1.0 ]
cuecard predict --card card --model "$model" --plugin-path build/plugins --quiet "I saw a red pear" | grep '"label": *"red"'

# Once installed, the plugin is found through CUECARD_PLUGIN_PATH.
cmake --install build --prefix "$folder/installed" >/dev/null
CUECARD_PLUGIN_PATH=$folder/installed/lib/cuecard/plugins cuecard plugin list | grep hello-tuner
