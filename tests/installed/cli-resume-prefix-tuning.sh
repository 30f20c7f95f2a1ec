# requires: llama manual prefix-tuning
# What cli-resume checks of prompt-tuning, of a network that rows come out of, with dropout.
source "$SOURCE/tests/installed/killed"
killed network --task toy.json --model "$llama" --tuner prefix-tuning --set length=3 --set mid-dim=16 --set dropout=0.2 "${gradient[@]}"
