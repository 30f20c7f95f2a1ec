# requires: llama manual
# `fill` on a causal model gives log-probabilities over the whole vocabulary for the token that comes next.
model=$SOURCE/tests/golden/models/llama-tied
cuecard fill --json --quiet --model "$model" --template '{text} It was{"mask"}' --top-k 384 'a film' 'the plot' >found
python3 "$SOURCE/tests/installed/whole_vocabulary.py" found 2 1 384
# The same as a table, with the requested number of tokens.
[ "$(cuecard fill --model "$model" --template '{text} so{"mask"}' --top-k 4 'a film' | wc -l)" -eq 6 ]
