# requires: bert llama manual prompt-tuning t5
# labels: slow
cuecard plugin info knn-verbalizer | grep temperature >/dev/null
[ "$(accuracy --tuner manual)" != 1.0 ] # the label words alone
knn='{ "component": "knn-verbalizer", "options": { "k": 1, "distance": "DISTANCE" } }'
for distance in kl euclidean; do
  write_task '"{text}:{\"mask\"}"' "${knn/DISTANCE/$distance}"
  [ "$(accuracy --tuner manual)" = 1.0 ] # the nearest training example of each is itself
  cuecard predict --card card --model "$model" --quiet "I saw a blue pear" | grep '"label": *"blue"' >/dev/null
done
[ "$(accuracy --tuner prompt-tuning --set length=4 --steps 60 --lr 0.05)" = 1.0 ] # kept after training, with the tuned prompt
