#!/usr/bin/env bash
# plugins.sh PREFIX SOURCE FOLDER: builds every plugin of plugins/, without its tests, using only the package installed in PREFIX, as an
# author outside the tree would. Each source is compiled by itself and without precompiled headers, so it includes what it uses. Then
# they are installed, and the installed program uses these in place of its own.
set -euo pipefail
prefix=$1 source=$2 folder=$3
rm -rf "$folder"
mkdir -p "$folder/project"
cp -r "$source/plugins" "$folder/project"
cd "$folder"
cat >project/CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.25)
project(plugins LANGUAGES CXX)
find_package(cuecard REQUIRED)
add_subdirectory(plugins)
CMAKE

if command -v ccache >/dev/null; then
  export CMAKE_CXX_COMPILER_LAUNCHER=ccache
fi
cmake -G Ninja -S project -B build -DCMAKE_PREFIX_PATH="$prefix" -DBUILD_TESTING=OFF >configure.log 2>&1 || { cat configure.log; exit 1; }
cmake --build build --parallel 2
# Neither the commands nor the headers that the compiler has read are of the source tree.
ninja -C build -t deps >headers.txt
grep "$prefix/include/cuecard/" headers.txt >/dev/null # otherwise the next check would prove nothing
if grep "$source/\(sdk\|core\|registry\|plugins\)/" build/build.ninja headers.txt; then
  echo "the plugins were built with files of the source tree"
  exit 1
fi

cmake --install build --prefix "$folder/installed" >/dev/null
"$prefix/bin/cuecard" plugin list --all --json --plugin-path installed/lib/cuecard/plugins >list.jsonl
python3 - <<'PYTHON'
import json
import re
from pathlib import Path

lists = [path.read_text() for path in Path("project/plugins").glob("*/**/CMakeLists.txt")]
expected = [name for text in lists for name in re.findall(r"^cuecard_add_plugin\((\S+)", text, re.M)]
assert len(expected) == len(lists) > 0, expected
here = str(Path("installed").resolve())
found = [plugin for plugin in map(json.loads, open("list.jsonl")) if plugin["library"].startswith(here)]
refused = [plugin["refusal"] for plugin in found if not plugin["usable"] or plugin["shadowed_by"]]
assert not refused, refused
assert sorted(plugin["id"] for plugin in found) == sorted(expected), (found, expected)
for name in expected:
    assert Path(f"installed/share/cuecard/plugins/{name}/README.md").exists(), f"{name} has no README"
PYTHON
# Each is loaded by the installed program, with the SDK that this has.
for library in installed/lib/cuecard/plugins/*/*.so; do
  "$prefix/bin/cuecard" plugin probe "$library" >probed.txt || { cat probed.txt; exit 1; }
done
