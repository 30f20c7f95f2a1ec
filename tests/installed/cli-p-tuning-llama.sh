# requires: llama manual p-tuning
# labels: learning
# Pseudo tokens in front of the text and inside it, out of an LSTM and out of an MLP.
source "$SOURCE/tests/installed/trained_task"
learn front "$llama" toy.json p-tuning --set length=4
sed 's/It was/{\\"soft\\":\\"all in all\\"}/' toy.json >inside.json
learn inside "$llama" inside.json p-tuning --set encoder=mlp

# The authors' schedule: the rate is 0.98 of what it was with each epoch, so that after four steps of an epoch each the runs part.
for schedule in constant exponential; do
  run train --task toy.json --model "$llama" --tuner p-tuning --set length=3 --lr 0.03 --steps 4 --batch-size 64 --schedule $schedule \
    --out $schedule.card --json
done >schedules.json
python3 <<'PYTHON'
from same_rows import *
constant, exponential = (run["losses"] for run in lines("schedules.json"))
assert constant[:2] == exponential[:2] and constant[2] != exponential[2], (constant, exponential)
PYTHON
