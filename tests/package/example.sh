#!/usr/bin/env bash
# example.sh PREFIX SOURCE FOLDER NAME: builds examples/NAME using only the package installed in PREFIX, runs its tests, the conformance
# kit among them, then what examples/NAME.sh beside this file does with the plugin, and installs it.
#
# That script finds the built plugin through CUECARD_PLUGIN_PATH, a tiny causal model in $model, and what planted_task defines.
set -euo pipefail
prefix=$1 source=$2 folder=$3/$4 name=$4
rm -rf "$folder"
mkdir -p "$folder"
cp -r "$source/examples/$name" "$folder/project"
cd "$folder"

cmake -G Ninja -S project -B build -DCMAKE_PREFIX_PATH="$prefix" >configure.log 2>&1 || { cat configure.log; exit 1; }
cmake --build build
if grep -q "$source/\(sdk\|core\)" build/build.ninja; then
  echo "$name was built with files of the source tree"
  exit 1
fi
ctest --test-dir build -N | grep " $name-check$" >/dev/null || { echo "$name's tests lack the conformance kit: include(CTest) is missing"; exit 1; }
ctest --test-dir build --output-on-failure

cuecard() {
  "$prefix/bin/cuecard" "$@"
}
model=$source/tests/golden/models/llama-tied
export CUECARD_PLUGIN_PATH=$folder/build/plugins
source "$source/tests/package/planted_task"
source "$source/tests/package/examples/$name.sh"

# Once installed, the plugin is found there.
cd "$folder"
cmake --install build --prefix "$folder/installed" >/dev/null
CUECARD_PLUGIN_PATH=$folder/installed/lib/cuecard/plugins cuecard plugin list | grep "$name" >/dev/null
