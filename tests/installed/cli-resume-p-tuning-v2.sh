# requires: bert manual head p-tuning-v2
# The checks of cli-resume for per-layer prefixes with a head.
source "$SOURCE/tests/installed/killed"
python3 <<'PYTHON'
import json
task = json.load(open("toy.json"))
json.dump({**task, "template": "{text}", "verbalizer": {"component": "head"}}, open("headed.json", "w"))
PYTHON
killed deep --task headed.json --model "$bert" --tuner p-tuning-v2 --set length=3 "${gradient[@]}"
