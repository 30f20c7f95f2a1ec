# requires: llama manual prompt-tuning
# `doctor` and models by name; `doctor` works where LibTorch, plugins or the engine don't.
export XDG_DATA_HOME=$PWD/data CUECARD_MODELS=$PWD/models
mkdir models
cp -r "$SOURCE/tests/golden/models/llama-tied" models/Tiny-Llama-1M
status=0
cuecard doctor --json >sound.json || status=$?
[ $status -eq 0 ]
cuecard doctor >sound.txt
cuecard plugin list --json >plugins.json
OMP_NUM_THREADS=1 cuecard version --json >version.json
THREADS=$OMP_NUM_THREADS python3 <<'PYTHON'
import json, os
found = json.load(open("sound.json"))
assert found["libtorch"]["version"].count(".") == 2 and found["libtorch"]["path"].endswith("libtorch_cpu.so"), found["libtorch"]
assert os.path.exists(found["libtorch"]["path"])
assert found["threads"]["count"] == int(os.environ["THREADS"]) == found["libtorch"]["threads"]
assert "OMP_NUM_THREADS" in found["threads"]["why"]
assert found["processors"]["allowed"] == len(os.sched_getaffinity(0)), found["processors"]
assert found["memory"]["machine"] == os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), found["memory"]
listed = [json.loads(line)["library"] for line in open("plugins.json")]
assert [plugin["library"] for plugin in found["plugins"]] == listed and len(listed) >= 3
assert all(plugin["usable"] for plugin in found["plugins"])
assert "Tiny-Llama-1M" in [model["name"] for model in found["models"]]
assert found["speed"]["product"] > 1e8
assert not [finding for finding in found["findings"] if finding["severity"] == "error"]
assert json.load(open("version.json"))["threads"]["count"] == 1
PYTHON
grep -q '^LibTorch .*libtorch_cpu.so' sound.txt

# Two processors at most where the affinity mask allows no more, whatever the machine has.
env -u OMP_NUM_THREADS -u MKL_NUM_THREADS taskset -c "$(python3 -c 'import os; print(min(os.sched_getaffinity(0)))')" cuecard version --json |
  python3 -c 'import json, sys; assert json.load(sys.stdin)["threads"]["count"] == 1'

# What is broken is named, with what to do; the exit code is 1 where nothing can work.
broken() { # NAME PATTERN: in a copy of the tree, after the commands on standard input have run in it
  local status=0 tree=$PWD/$1
  cp -a "$PREFIX/." "$tree"
  (cd "$tree" && bash -eu)
  "$tree/bin/cuecard" doctor --json >"$1.json" 2>"$1.err" || status=$?
  { [ $status -eq 1 ] && grep -qE -- "$2" "$1.json"; } || { echo "$1: $status"; cat "$1.json" "$1.err"; exit 1; }
  rm -rf "$tree"
}
broken no-engine '"problem":"the engine can.t be loaded: .*libcuecard.so' <<<'rm lib/libcuecard.so*'
broken no-plugins '"problem":"no plugin with a backbone, template, verbalizer, tuner' <<<'rm -r lib/cuecard/plugins'
# A plugin whose bytes have changed is named, and the others are used.
cp -a "$PREFIX/." changed
plugin=$(echo changed/lib/cuecard/plugins/abi*/prompt-tuning.so)
cp "$plugin" kept && rm "$plugin" && cp kept "$plugin" && echo >>"$plugin"
changed/bin/cuecard doctor --json >changed.json
python3 -c '
import json
found = json.load(open("changed.json"))
assert [plugin["id"] for plugin in found["plugins"] if not plugin["usable"]] == ["prompt-tuning"], found["plugins"]
assert any(finding["severity"] == "warning" and "prompt-tuning" in finding["problem"] and finding["advice"] for finding in found["findings"])'

# Models by name.
cuecard tokenize --model tiny-llama 'a film' >by-name
cuecard tokenize --model models/Tiny-Llama-1M 'a film' | cmp - by-name
cuecard model info tiny-llama-1m --json | grep '"family":"llama"' >/dev/null
cuecard render --model tiny-llama --template '{text}' film >rendered
fails() { # PATTERN WORDS...
  local pattern=$1 status=0
  shift
  cuecard "$@" >out 2>err || status=$?
  { [ $status -eq 3 ] && grep -qE -- "$pattern" err && [ "$(wc -l <err)" -eq 1 ]; } || { echo "$*: $status"; cat err; exit 1; }
}
fails 'no model of that name; .*Tiny-Llama-1M.* Did you mean "tiny-llama-1m"' tokenize --model tiny-lama-1m film
fails '`hf download org/model --local-dir model`' tokenize --model org/model film

# Folders of CUECARD_MODELS that are not there, or not the same everywhere, are named.
CUECARD_MODELS=nowhere:models cuecard doctor --json >folders.json || true
python3 -c '
import json
problems = [finding["problem"] for finding in json.load(open("folders.json"))["findings"]]
assert any("\"nowhere\", and there is no such folder" in problem for problem in problems), problems
assert any("\"models\", which is another folder" in problem for problem in problems), problems'
