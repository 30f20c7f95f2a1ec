# requires: bert llama manual t5
# labels: slow
for features in embeddings states; do
  train=(--tuner input-dependent --set features=$features)
  [ "$(accuracy "${train[@]}" --steps 1)" != 1.0 ] # otherwise the next check would prove nothing
  [ "$(accuracy "${train[@]}" --steps 120)" = 1.0 ]
done
