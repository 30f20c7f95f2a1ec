# requires: bert manual
# A masked model and a manual prompt: a card is created, evaluated and used.
source "$SOURCE/tests/installed/toy_task"
run train --task masked.json --model "$bert" --tuner manual --out masked.card --set verbalizer.calibrate=train --json >train.json
run eval --card masked.card --model "$bert" --task masked.json --json >eval.json
run predict --card masked.card --model "$bert" --json <dev.txt >predict.json
run predict --card masked.card --model "$bert" --batch-size 1 <dev.txt >predict-alone.json
python3 <<'PYTHON'
from same_rows import *
[train], [measured] = lines("train.json"), lines("eval.json")
assert train["parameters"] == 0 and train["frozen_parameters"] > 0
assert lines("predict.json")[-1]["summary"]["forwards"] == 1
rows = without_summary("predict.json")
check_measured(rows, measured)
check_all_close(without_summary("predict-alone.json"), rows)
PYTHON
expect 2 'no language-model head' train --task masked.json --model "$models/bert-plain" --tuner manual --out no.card
[ ! -e no.card ]
