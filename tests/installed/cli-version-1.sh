# requires: bert head llama manual in-context p-tuning p-tuning-v2 prefix-tuning prompt-tuning fine-tuning
# Cards and task files of format version 1, written by Cuecard 0.1, give the same results as with it.
models=$SOURCE/tests/golden/models old=$SOURCE/tests/golden/version_1
for card in "$old"/*.card; do
  name=$(basename "$card" .card)
  case $name in *-llama) model=llama-tied ;; *-bert) model=bert-mlm ;; esac
  cuecard predict --card "$card" --model "$models/$model" --quiet <"$old/texts.txt" >"$name.jsonl"
  cuecard card info "$card" >/dev/null
done
python3 - "$old" <<'PYTHON'
import sys
from pathlib import Path
from same_rows import check_all_close, lines
old = Path(sys.argv[1])
recorded = sorted(old.glob("*.jsonl"))
assert len(recorded) >= 10
for file in recorded:
    check_all_close(lines(file.name), lines(str(file)), 1e-5)
PYTHON
# Task files of that version, with the cards that 0.1 trained by them: a step whose learning rate changes nothing gives a card of
# version 2 with the predictions that 0.1 made.
cp "$old"/*.json .
for i in $(seq 12); do printf 'the film is great\t1\na plot is bad\t0\n'; done | tee train.tsv >dev.tsv
cut -f1 dev.tsv >dev.txt
while read -r name task model tuner; do
  cuecard train --task "$task.json" --model "$models/$model" --tuner "$tuner" --from "$old/$name.card" --steps 1 --lr 1e-12 --out "$name.card" --quiet >/dev/null
  grep -q '"format_version": *2' "$name.card/card.json"
  cuecard predict --card "$name.card" --model "$models/$model" --quiet <"$old/texts.txt" >"continued-$name.jsonl"
done <<'CARDS'
p-tuning-v2-head-bert head bert-mlm p-tuning-v2
p-tuning-bert masked bert-mlm p-tuning
prompt-tuning-ensemble-bert masked bert-mlm prompt-tuning
fine-tuning-bias-bert masked bert-mlm fine-tuning
prompt-tuning-llama toy llama-tied prompt-tuning
CARDS
python3 - "$old" <<'PYTHON'
import sys
from pathlib import Path
from same_rows import check_all_close, lines
continued = list(Path().glob("continued-*.jsonl"))
assert len(continued) == 5
for file in continued:
    check_all_close(lines(file), lines(f"{sys.argv[1]}/{file.name.removeprefix('continued-')}"), 1e-5)
PYTHON

# They also train a card anew. Loaded, it is what training had in memory: the loss of all examples after two steps is that of the third
# step of a longer run, and the predictions are as often right as training said.
learn() {
  cuecard train --model "$models/llama-tied" --tuner prompt-tuning --set length=2 --optimizer adamw --schedule constant --warmup 0 --batch-size 24 \
    --threads 1 --json --quiet "$@"
}
learn --task toy.json --lr 0.3 --steps 2 --evaluate-every 2 --out new.card >trained.jsonl
learn --task toy.json --lr 0.3 --steps 3 --evaluate-every 3 --out longer.card >>trained.jsonl
learn --task toy.json --lr 1e-12 --steps 1 --from new.card --out continued.card >>trained.jsonl
cuecard predict --card new.card --model "$models/llama-tied" --quiet <dev.txt >dev.jsonl
cuecard predict --card continued.card --model "$models/llama-tied" --quiet <dev.txt >continued.jsonl
python3 - <<'PYTHON'
from same_rows import check_all_close, lines
new, longer, continued = lines("trained.jsonl")
assert new["best_step"] == 2 and new["losses"] == longer["losses"][:2], (new, longer)
assert abs(longer["losses"][0] - longer["losses"][2]) > 0.01, longer["losses"]  # otherwise the next check would prove nothing
assert abs(continued["losses"][0] - longer["losses"][2]) < 1e-5, (continued["losses"], longer["losses"])
right = sum(row["label"] == label for row, label in zip(lines("dev.jsonl"), ["yes", "no"] * 12, strict=True))
assert right / 24 == new["dev"]["accuracy"], (right, new["dev"])
check_all_close(lines("continued.jsonl"), lines("dev.jsonl"), 1e-5)
PYTHON
