# requires: llama manual p-tuning
# What cli-resume checks of prompt-tuning, of an LSTM that rows come out of.
source "$SOURCE/tests/installed/killed"
killed lstm --task toy.json --model "$llama" --tuner p-tuning --set length=3 "${gradient[@]}"
