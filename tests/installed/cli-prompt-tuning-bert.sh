# requires: bert manual prompt-tuning
# labels: learning
# A masked model and a soft prompt, before the text and inside it.
source "$SOURCE/tests/installed/toy_task"
sed 's/It was/{\\"soft\\":\\"all in all\\"}/; s/"masked"/"inside"/' masked.json >inside.json
for task in masked inside; do
  run train --task $task.json --model "$bert" --tuner prompt-tuning --steps 40 --lr 0.1 --out $task.card --json >$task.train
  run eval --card $task.card --model "$bert" --task $task.json --json >$task.eval
  run predict --card $task.card --model "$bert" <dev.txt >$task.predict
done
cuecard tokenize --model "$bert" 'all in all' >words
python3 <<'PYTHON'
from same_rows import *
for task, rows in ("masked", 20), ("inside", len(lines("words")[0])):
    [train], [measured] = lines(task + ".train"), lines(task + ".eval")
    assert train["parameters"] == rows * 40, (task, train["parameters"])
    assert sum(train["losses"][-5:]) < 0.8 * sum(train["losses"][:5]), (task, train["losses"])
    assert measured["accuracy"] == train["dev"]["accuracy"]
    check_measured(without_summary(task + ".predict"), measured)
PYTHON
