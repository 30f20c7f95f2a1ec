# requires: llama manual prompt-tuning
# Killed at any moment and started again, a run ends with the same card, bit for bit, as one that never was.
source "$SOURCE/tests/installed/toy_task"
learn() {
  run train --task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --seed 3 --lr 0.1 --steps 400 \
    --evaluate-every 20 --batch-tokens 200 --threads 1 "$@"
}
learn --out whole.card --json >whole.json

cat >kill.py <<'PYTHON'
import json, os, random, signal, subprocess, sys, time
random.seed(7)
command = ["cuecard", "train", "--task", "toy.json", "--model", sys.argv[1], "--tuner", "prompt-tuning", "--set", "length=4",
           "--seed", "3", "--lr", "0.1", "--steps", "400", "--evaluate-every", "20", "--batch-tokens", "200", "--threads", "1",
           "--checkpoint", "kept", "--checkpoint-every", "1", "--quiet", "--json", "--out", "resumed.card"]
state = "kept/checkpoint.safetensors"

def version():
    try:
        return os.stat(state).st_ino
    except FileNotFoundError:
        return 0

kills = 0
for attempt in range(200):
    train = subprocess.Popen(command, stdout=subprocess.PIPE)
    if kills < 6:
        # Some way behind the first state that this process writes, so that every start gets further; every other time in the
        # middle of a save.
        before, beside = version(), kills % 2 == 1
        while train.poll() is None and version() == before:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.1))
        while beside and train.poll() is None and not any(name.startswith(".checkpoint.") for name in os.listdir("kept")):
            pass
        if train.poll() is None:
            train.kill()
    out = train.communicate()[0]
    if train.returncode == 0:
        break
    assert train.returncode == -signal.SIGKILL, train.returncode
    kills += 1
    assert not os.path.exists("resumed.card"), "nothing is written before the end"
assert train.returncode == 0 and kills >= 3, (train.returncode, kills)
assert not os.path.exists("kept"), "a checkpoint goes when its run is done"
assert json.loads(out)["losses"] == json.load(open("whole.json"))["losses"]
cards = [json.load(open(name + ".card/card.json")) for name in ("whole", "resumed")]
for card in cards:
    assert card["training"].pop("seconds") > 0
assert cards[0] == cards[1]
PYTHON
python3 kill.py "$llama"
cmp whole.card/card.safetensors resumed.card/card.safetensors

# Ctrl-C leaves the checkpoint and the best card so far.
cat >stop.py <<'PYTHON'
import os, signal, subprocess, sys, time
train = subprocess.Popen(sys.argv[1:], stderr=subprocess.PIPE, text=True)
while not os.path.exists("kept/checkpoint.safetensors") and train.poll() is None:
    time.sleep(0.001)
train.send_signal(signal.SIGINT)
error = train.communicate()[1]
assert train.returncode == 130 and "goes on from the checkpoint" in error, (train.returncode, error)
PYTHON
python3 stop.py cuecard train --task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --seed 3 --lr 0.1 --steps 400 \
  --evaluate-every 20 --batch-tokens 200 --threads 1 --checkpoint kept --checkpoint-every 1 --quiet --out stopped.card
[ -e kept/checkpoint.json ] && [ -e stopped.card/card.json ]

# Another run's checkpoint, and a folder that is none, are refused.
expect 3 'another run: .*seed was 3 there and is 4 here' train --task toy.json --model "$llama" --tuner prompt-tuning \
  --set length=4 --seed 4 --lr 0.1 --steps 400 --evaluate-every 20 --batch-tokens 200 --threads 1 --checkpoint kept --out no.card
head -n 50 train.tsv >fewer && mv fewer train.tsv
expect 3 'another run: .*training data' train --task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --seed 3 --lr 0.1 \
  --steps 400 --evaluate-every 20 --batch-tokens 200 --threads 1 --checkpoint kept --out no.card
expect 2 'no part of a checkpoint' train --task toy.json --model "$llama" --tuner prompt-tuning --checkpoint . --out no.card
expect 2 'give --checkpoint DIR' train --task toy.json --model "$llama" --tuner prompt-tuning --checkpoint-every 5 --out no.card
[ ! -e no.card ]
