# requires: bert llama manual t5
cuecard plugin info hello-tuner | grep length >/dev/null
train=(--tuner hello-tuner --set length=4 --lr 0.05)
[ "$(accuracy "${train[@]}" --steps 1)" != 1.0 ] # otherwise the next check would prove nothing
[ "$(accuracy "${train[@]}" --steps 120)" = 1.0 ]
cuecard predict --card card --model "$model" --quiet "I saw a red pear" | grep '"label": *"red"' >/dev/null
