# requires: llama manual prompt-tuning
# A run that is killed at any moment and restarted ends with the same card, bit for bit, as an uninterrupted one.
source "$SOURCE/tests/installed/toy_task"
others=(--task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --lr 0.1 --steps 400 --evaluate-every 20
  --batch-tokens 200 --threads 1)
learning=("${others[@]}" --seed 3)
run train "${learning[@]}" --out whole.card --json >whole.json
python3 -m killed_run whole resumed cuecard train "${learning[@]}" --checkpoint kept --checkpoint-every 1 --quiet --json --out resumed.card

# Ctrl-C leaves the checkpoint and the best card so far.
cat >stop.py <<'PYTHON'
import os, signal, subprocess, sys, time
train = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True)
while not os.path.exists("kept/checkpoint.safetensors") and train.poll() is None:
    time.sleep(0.001)
train.send_signal(signal.SIGINT)
error = train.communicate()[1]
assert train.returncode == 130 and "continues from the checkpoint" in error, (train.returncode, error)
PYTHON
python3 stop.py cuecard train "${learning[@]}" --checkpoint kept --checkpoint-every 1 --quiet --out stopped.card
[ -e kept/checkpoint.json ] && [ -e stopped.card/card.json ]

# The checkpoint of another run, and a folder that is not a checkpoint, are refused.
expect 3 'another run: .*seed was 3 there and is 4 here' train "${others[@]}" --seed 4 --checkpoint kept --out no.card
head -n 50 train.tsv >fewer && mv fewer train.tsv
expect 3 'another run: .*training data' train "${learning[@]}" --checkpoint kept --out no.card
expect 2 'not part of a checkpoint' train --task toy.json --model "$llama" --tuner prompt-tuning --checkpoint . --out no.card
expect 2 'give --checkpoint DIR' train --task toy.json --model "$llama" --tuner prompt-tuning --checkpoint-every 5 --out no.card
[ ! -e no.card ]
