# requires: llama manual p-tuning
# The checks of cli-resume for virtual tokens encoded by an LSTM.
source "$SOURCE/tests/installed/killed"
killed lstm --task toy.json --model "$llama" --tuner p-tuning --set length=3 "${gradient[@]}"
