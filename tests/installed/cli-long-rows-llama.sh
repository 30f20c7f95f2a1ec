# requires: llama manual
# Rows that a causal model can't hold.
source "$SOURCE/tests/installed/toy_task"
source "$SOURCE/tests/installed/long_rows"
long_rows "$llama" toy.json
