# requires: llama manual prompt-tuning
# The checks of cli-resume for several seeds.
source "$SOURCE/tests/installed/killed"
killed seeds --task toy.json --model "$llama" --tuner prompt-tuning --set length=3 --seeds 3 "${gradient[@]}"
