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
# A task file of that version trains a card of version 2, which gives the same results when it is loaded.
cp "$old"/toy.json .
for i in $(seq 12); do printf 'the film is great\t1\na plot is bad\t0\n'; done | tee train.tsv >dev.tsv
cuecard train --task toy.json --model "$models/llama-tied" --tuner prompt-tuning --set length=2 --steps 2 --out new.card --quiet >/dev/null
grep -q '"format_version": *2' new.card/card.json
