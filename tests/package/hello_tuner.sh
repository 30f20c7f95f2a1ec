#!/usr/bin/env bash
# hello_tuner.sh PREFIX SOURCE FOLDER: builds examples/hello-tuner against the package installed in PREFIX and nothing else of this
# tree, and uses it with the installed program.
set -euo pipefail
prefix=$1 source=$2 folder=$3
rm -rf "$folder"
mkdir -p "$folder"
cp -r "$source/examples/hello-tuner" "$folder/project"

cmake -G Ninja -S "$folder/project" -B "$folder/build" -DCMAKE_PREFIX_PATH="$prefix" >"$folder/configure.log" 2>&1 || { cat "$folder/configure.log"; exit 1; }
cmake --build "$folder/build"
if grep -q "$source/\(sdk\|core\)" "$folder/build/build.ninja"; then
  echo "hello-tuner was built with files of the source tree"
  exit 1
fi
