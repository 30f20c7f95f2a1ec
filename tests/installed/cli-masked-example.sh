# requires: bert manual fact fine-tuning
# examples/masked gives an encoder a masked-LM head, and trains it on sentences with a word masked.
python3 -c '
import random
random.seed(0)
with open("reviews.txt", "w", encoding="latin-1") as file:
    for number in range(120):
        print(number, 1.0, "the film was " + random.choice(["great", "bad"]) + " and the plot was good", sep="\t", file=file)
        print(number, 1.0, "the plot was " + random.choice(["bad", "good"]) + f" number {number}", sep="\t", file=file)'
python3 -B "$SOURCE/examples/masked/make" --program "$(which cuecard)" --encoder "$SOURCE/tests/golden/models/bert-plain" --reviews reviews.txt \
  --folder made --held-out 20 --steps 30 >out
grep -q '^cloze .* 20 ' out
cuecard model info made/minilm-masked --json | python3 -c '
import json, sys
info = json.load(sys.stdin)
assert info["has_lm_head"] and not info["has_pooler"] and info["family"] == "bert", info'
cuecard fill --json --quiet --model made/minilm-masked --card made/cloze.card --top-k 300 '{"before": "the film", "after": "great"}' >found
python3 "$SOURCE/tests/installed/whole_vocabulary.py" found 1 1 300
# The model before training is the encoder, seen through its table of words: a gap beside a word has other tokens than alone.
cuecard fill --json --quiet --model made/minilm-masked --template '{before} {"mask"} {after}' --top-k 300 '{"before": "the film", "after": "great"}' >untrained
python3 "$SOURCE/tests/installed/whole_vocabulary.py" untrained 1 1 300
python3 -c '
import json
found, untrained = ({top["token"]: top["log_prob"] for top in json.loads(open(path).readline())["slots"][0]["top"]} for path in ("found", "untrained"))
assert found["was"] > untrained["was"], (found["was"], untrained["was"])'
