#!/usr/bin/env bash
# new_plugin.sh PREFIX SOURCE FOLDER KIND: `cuecard plugin new` makes a project of this kind, in a path with a space, which builds
# with the package installed in PREFIX, passes its tests, and is used by the installed program.
set -euo pipefail
prefix=$1 source=$2 folder=$3/$4 kind=$4
rm -rf "$folder"
mkdir -p "$folder/a folder"
cd "$folder/a folder"
cuecard() {
  "$prefix/bin/cuecard" "$@"
}

cuecard plugin new first-try --kind "$kind" | grep "is in first-try" >/dev/null
if grep -rE "my.plugin|MyPlugin|@" first-try --include='*.[ch]pp' --include=CMakeLists.txt --include='CMake*Presets.json'; then
  echo "the scaffold's own name is left"
  exit 1
fi
# What is committed names no path of this machine, and installs nothing by a name that nobody has registered.
if grep -rF "$prefix" first-try --exclude=CMakeUserPresets.json || grep -rE 'pip install.* cuecard' first-try; then exit 1; fi
git init -q first-try && git -C first-try check-ignore -q CMakeUserPresets.json
grep -q 'cuecard plugin check.*cuecard plugin pack' first-try/README.md
code=0
cuecard plugin new first-try --kind "$kind" 2>error.txt || code=$?
[ $code = 2 ]
grep -q "first-try: already exists" error.txt
for name in Upper under_score 2nd double--dash end- class std; do
  code=0
  cuecard plugin new "$name" 2>error.txt || code=$?
  [ $code = 2 ] && [ ! -e "$name" ] || { echo "plugin new $name: exit code $code"; cat error.txt; exit 1; }
done

cd first-try
cmake --preset default >../configure.log 2>&1 || { cat ../configure.log; exit 1; }
cmake --build --preset default
ctest --preset default
ctest --preset default -N | grep "first-try-check" >/dev/null # the conformance kit is among the tests, and the program runs it, too
cuecard plugin check build/plugins/*/first-try.so --only "$kind" | grep "^first-try 0.1.0: [1-9][0-9]* passed, 0 failed"
cuecard plugin probe build/plugins/*/first-try.so
cuecard plugin info first-try --plugin-path build/plugins | grep "first-try" >/dev/null

model=$source/tests/golden/models/llama-tied
export CUECARD_PLUGIN_PATH=$PWD/build/plugins
source "$source/tests/package/planted_task"
tuner=manual
case $kind in
  tuner) tuner=first-try ;;
  verbalizer) write_task '"{text}:{\"mask\"}"' '{ "component": "first-try", "options": { "temperature": 2 } }' ;;
  template) write_task '{ "component": "first-try", "text": "{text}:{\"mask\"}", "options": { "line": "Colours." } }' ;;
esac
accuracy=$(accuracy --tuner $tuner)
[ $kind != tuner ] || [ "$accuracy" = 1.0 ] # the colour is learned
cmake --install build --prefix "$folder/installed" >/dev/null
CUECARD_PLUGIN_PATH=$folder/installed/lib/cuecard/plugins cuecard predict --card card --model "$model" --quiet "I saw a red pear" | grep '"label"'

# A clone has no CMakeUserPresets.json; the environment names Cuecard.
rm CMakeUserPresets.json
CUECARD_PREFIX=$prefix cmake --preset ci -B "$folder/clone" >"$folder/clone.log" 2>&1 || { cat "$folder/clone.log"; exit 1; }
grep -q "^cuecard_DIR:PATH=$prefix/" "$folder/clone/CMakeCache.txt"
