# requires: llama manual autoprompt
# The checks of cli-resume for a search.
source "$SOURCE/tests/installed/killed"
python3 <<'PYTHON'
import json
task = json.load(open("toy.json"))
json.dump({**task, "template": '{text} It{"trigger": None, "duplicate": 3} was{"mask"}'}, open("triggers.json", "w"))
PYTHON
killed search --task triggers.json --model "$llama" --tuner autoprompt --set candidates=4 --set accumulation=1 --set iterations=60
