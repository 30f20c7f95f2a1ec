# requires: llama manual
# Texts longer than a causal model's positions.
source "$SOURCE/tests/installed/toy_task"
source "$SOURCE/tests/installed/long_rows"
long_rows "$llama" toy.json
