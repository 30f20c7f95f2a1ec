# requires: llama bert manual head prompt-tuning prefix-tuning p-tuning p-tuning-v2 autoprompt
# What cli-resume checks of prompt-tuning, of networks that rows come out of, with dropout, of a head beside deep prompts,
# of a search, and of several seeds.
source "$SOURCE/tests/installed/toy_task"
python3 <<'PYTHON'
import json
task = json.load(open("toy.json"))
json.dump({**task, "template": "{text}", "verbalizer": {"component": "head"}}, open("headed.json", "w"))
json.dump({**task, "template": '{text} It{"trigger": None, "duplicate": 3} was{"mask"}'}, open("triggers.json", "w"))
PYTHON
killed() { # NAME FLAGS...
  local name=$1
  shift
  run train "$@" --seed 3 --threads 1 --out "$name.card" --json >"$name.json"
  python3 -m killed_run "$name" "$name-resumed" cuecard train "$@" --seed 3 --threads 1 --checkpoint kept --checkpoint-every 1 \
    --quiet --json --out "$name-resumed.card"
}
gradient=(--steps 120 --evaluate-every 20 --batch-tokens 200)
killed network --task toy.json --model "$llama" --tuner prefix-tuning --set length=3 --set mid-dim=16 --set dropout=0.2 "${gradient[@]}"
killed lstm --task toy.json --model "$llama" --tuner p-tuning --set length=3 "${gradient[@]}"
killed deep --task headed.json --model "$bert" --tuner p-tuning-v2 --set length=3 "${gradient[@]}"
killed search --task triggers.json --model "$llama" --tuner autoprompt --set candidates=4 --set accumulation=1 --set iterations=60
killed seeds --task toy.json --model "$llama" --tuner prompt-tuning --set length=3 --seeds 3 "${gradient[@]}"
