# requires: llama manual prefix-tuning
# The checks of cli-resume for prefixes reparametrised by a network, with dropout.
source "$SOURCE/tests/installed/killed"
killed network --task toy.json --model "$llama" --tuner prefix-tuning --set length=3 --set mid-dim=16 --set dropout=0.2 "${gradient[@]}"
