# requires: llama manual prompt-tuning knowledgeable
# `compare` keeps the best card of the seeds before one that fails.
source "$SOURCE/tests/installed/toy_task"
python3 - "$llama" <<'PYTHON'
import filecmp, json, os, re, subprocess, sys

task = json.load(open("toy.json"))
task["verbalizer"] = {"component": "knowledgeable", "options": {"words": "words.txt", "frequency": 0}}
json.dump(task, open("failing.json", "w"))

def words():
    with open("words.txt", "w") as file:
        file.write("terrible,bad\ngreat,good\n")

fit = ["--task", "failing.json", "--model", sys.argv[1], "--steps", "20", "--evaluate-every", "10", "--threads", "1", "--set", "length=4"]
# The file of label words is read anew for each seed: it goes after some have trained, so that a later one can't have it.
wait = 0.2
while True:
    words()
    process = subprocess.Popen(["cuecard", "compare", *fit, "--tuners", "prompt-tuning", "--seeds", "500", "--out", "cards", "--json", "--quiet"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        process.wait(wait)
    except subprocess.TimeoutExpired:
        os.remove("words.txt")
    printed, said = process.communicate()
    assert process.returncode == 3 and printed == "", (process.returncode, printed, said)
    assert "words.txt" in said and 'tuner "prompt-tuning" failed; 0 of 1 tuners compared' in said, said
    if kept := re.search(r"prompt-tuning\.card holds the best card of the seeds before (\d+)\.", said):
        break
    wait *= 2  # the first one had not ended
    assert wait < 60, said

# It is the best of them on the development examples.
words()
runs = []
for seed in range(int(kept[1])):
    done = subprocess.run(["cuecard", "train", *fit, "--tuner", "prompt-tuning", "--seed", str(seed), "--out", f"{seed}.card", "--json", "--quiet"],
                          capture_output=True, text=True, check=True)
    runs.append(json.loads(done.stdout)["dev"]["value"])
best = runs.index(max(runs))
assert filecmp.cmp("cards/prompt-tuning.card/card.safetensors", f"{best}.card/card.safetensors", shallow=False), runs
PYTHON
run predict --card cards/prompt-tuning.card --model "$llama" 'a plot and the film is great' | grep '"label"' >/dev/null
