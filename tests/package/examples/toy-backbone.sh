# requires: bert fine-tuning llama manual prompt-tuning t5
# labels: slow
model=$folder/tiny
python3 "$folder/project/make_model" "$model"
sed -i 's/"love"/"red"/; s/"leave"/"blue"/' task.json # whose first tokens differ in its small vocabulary
cuecard model info "$model" | grep toy-backbone >/dev/null
[ "$(accuracy --tuner fine-tuning --steps 1)" != 1.0 ] # otherwise the next check would prove nothing
[ "$(accuracy --tuner fine-tuning --steps 80 --lr 0.01)" = 1.0 ]
[ "$(accuracy --tuner prompt-tuning --set length=4 --steps 150 --lr 0.05)" = 1.0 ]
cuecard generate --card card --model "$model" --max-new-tokens 4 --quiet "I saw a red pear" >/dev/null
