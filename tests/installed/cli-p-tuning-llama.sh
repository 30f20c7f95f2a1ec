# requires: llama manual p-tuning
# labels: learning
# Virtual tokens before the text and inside it, encoded by an LSTM and by an MLP.
source "$SOURCE/tests/installed/trained_task"
learn front "$llama" toy.json p-tuning --set length=4
sed 's/It was/{\\"soft\\":\\"all in all\\"}/' toy.json >inside.json
learn inside "$llama" inside.json p-tuning --set encoder=mlp

# The authors' schedule multiplies the learning rate by 0.98 after each epoch, so the runs differ after four epochs of one step.
for schedule in constant exponential; do
  run train --task toy.json --model "$llama" --tuner p-tuning --set length=3 --lr 0.03 --steps 4 --batch-size 64 --schedule $schedule \
    --out $schedule.card --json
done >schedules.json
python3 <<'PYTHON'
from same_rows import *
constant, exponential = (run["losses"] for run in lines("schedules.json"))
assert constant[:2] == exponential[:2] and constant[2] != exponential[2], (constant, exponential)
PYTHON
