# requires: llama manual p-tuning-v2 prefix-tuning
# labels: learning
# Per-layer prefixes, reparametrised by a network and trained directly: trained, evaluated, used and described.
source "$SOURCE/tests/installed/trainable_prefixes"
trainable_prefixes "$llama" toy.json
