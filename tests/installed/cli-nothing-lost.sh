# requires: llama manual prompt-tuning
# What was trained is not lost: training that fails keeps its best state, a card goes elsewhere if its place is gone, and two runs
# don't write to one place.
source "$SOURCE/tests/installed/toy_task"
learn=(train --task toy.json --model "$llama" --tuner prompt-tuning --set length=4 --seed 3 --quiet)

# Numbers that become too large for their type: the state of the last evaluation before is the card, and exit code 3 says that it ended early.
status=0
cuecard "${learn[@]}" --dtype float16 --optimizer adamw --schedule constant --lr 20000 --clip 0 --steps 300 --evaluate-every 1 \
  --out large.card --json >large.json 2>err || status=$?
[ $status -eq 3 ]
grep -qE '^cuecard: warning: train: the tuner "prompt-tuning" stopped after [0-9]+ steps, and the best state so far, of step [0-9]+, is kept: .*learning rate' err
[ "$(grep -vc 'float16 is slow on a CPU' err)" -eq 1 ]
run eval --card large.card --model "$llama" --dtype float16 --task toy.json --json >large-eval.json
python3 -c '
import json
[train], [measured] = ([json.loads(line) for line in open(name)] for name in ("large.json", "large-eval.json"))
assert train["failure"] and train["best_step"] <= train["steps"] < 300, train
assert measured["accuracy"] == train["dev"]["accuracy"], (measured, train)'

# A further seed whose run fails (its checkpoint would be in a folder of something else) does not lose the seeds before it.
mkdir -p seeds/seed-4 && touch seeds/seed-4/thesis.txt
status=0
cuecard "${learn[@]}" --steps 2 --seeds 3 --checkpoint seeds --out seeds.card --json >seeds.json 2>err || status=$?
[ $status -eq 2 ] && grep -q '^cuecard: warning: seed 4 failed, and the best card of the seeds before it is kept: .*thesis.txt' err
[ "$(wc -l <err)" -eq 1 ] && [ -e seeds/seed-4/thesis.txt ]
python3 -c '
import json
train, card = json.load(open("seeds.json")), json.load(open("seeds.card/card.json"))
assert [seed["seed"] for seed in train["seeds"]] == [3] and card["seed"] == 3, train'

# A second run with the same place is refused while the first one lives, and its error names that one; after a kill the next one takes over.
cat >twice.py <<'PYTHON'
import json, os, signal, subprocess, sys, time
learn = sys.argv[1:]
def start(*words):
    return subprocess.Popen(["cuecard", *learn, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
def wait_for(path, process):
    while not os.path.exists(path):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
def ended(process):
    out, err = process.communicate()
    return process.returncode, err
endless = ["--steps", "1000000000"]
for place, words in (".twice.card.lock", []), ("kept/.lock", ["--checkpoint", "kept", "--checkpoint-every", "1"]):
    first = start(*endless, "--out", "twice.card", *words)
    wait_for(place, first)
    time.sleep(0.2)
    second = ["--steps", "1", "--out", "other.card" if words else "twice.card", *(["--checkpoint", "kept"] if words else [])]
    code, err = ended(start(*second))
    assert code == 3 and f"process {first.pid} on {os.uname().nodename} (since 2" in err and "another run is using this" in err, err
    assert len(err.splitlines()) == 1, err
    first.kill()
    first.communicate()
    assert os.path.exists(place)
for words in [], ["--checkpoint", "new"]:
    code, err = ended(start("--steps", "1", "--out", "twice.card", *words))
    assert code == 0 and "removing its lock" not in err, err
    assert not os.path.exists(".twice.card.lock") and not os.path.exists("new"), os.listdir()

# The folder of the card is removed while it is trained.
os.mkdir("gone"), os.mkdir("temporary")
os.environ["TMPDIR"] = os.path.abspath("temporary")
learner = start("--steps", "300", "--out", "gone/a.card", "--checkpoint", "while", "--checkpoint-every", "1")
wait_for("while/checkpoint.safetensors", learner)
os.remove("gone/.a.card.lock")
os.rmdir("gone")
code, err = ended(learner)
rescued = os.path.abspath("temporary/a.rescued.card")
assert code == 3 and "gone/a.card: there is no folder gone" in err and f"the card is in {rescued} instead." in err, (code, err)
assert json.load(open(rescued + "/card.json"))["name"] == "toy"
assert os.path.exists("while/checkpoint.json") # the run can be repeated from there
PYTHON
python3 twice.py "${learn[@]}"

# A disk without room for the card is found before training, where this system lets a test make one.
if unshare --user --map-root-user --mount true 2>unshare.err; then
  status=0
  unshare --user --map-root-user --mount bash -c '
    mkdir small && mount -t tmpfs -o size=4k tmpfs small && exec "$@"' - cuecard "${learn[@]}" --steps 1000000000 --out small/a.card 2>err ||
    status=$?
  [ $status -eq 3 ] && grep -qE 'small/a.card: the card takes [0-9]+ bytes, and only [0-9]+ are free in small' err ||
    { cat err; exit 1; }
else
  echo "not tested: a full disk, because this system makes no file systems for tests ($(cat unshare.err))"
fi
