# requires: bert llama manual
# A card requires its own model: another one is refused, and the message names both, unless forced.
source "$SOURCE/tests/installed/toy_task"
run train --task masked.json --model "$bert" --tuner manual --out masked.card >/dev/null
run train --task toy.json --model "$llama" --tuner manual --out causal.card >/dev/null
expect 3 'bert.*llama|llama.*bert' predict --card masked.card --model "$llama" x
expect 3 'bert.*llama|llama.*bert' eval --card causal.card --model "$bert" --task toy.json
expect 3 'llama' predict --card causal.card --model "$models/llama-untied" x
run predict --force --card causal.card --model "$models/llama-untied" 'a film' 2>/dev/null | grep -q '"label"'
