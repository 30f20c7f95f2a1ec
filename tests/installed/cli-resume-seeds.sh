# requires: llama manual prompt-tuning
# What cli-resume checks of one seed, of several.
source "$SOURCE/tests/installed/killed"
killed seeds --task toy.json --model "$llama" --tuner prompt-tuning --set length=3 --seeds 3 "${gradient[@]}"
