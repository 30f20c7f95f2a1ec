# requires: llama manual p-tuning-v2 prefix-tuning
# labels: learning
# Prefixes in every layer: learned, measured, used, and described, out of a network and directly.
source "$SOURCE/tests/installed/trainable_prefixes"
trainable_prefixes "$llama" toy.json
