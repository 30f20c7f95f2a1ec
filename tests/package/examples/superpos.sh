# requires: bert llama manual t5
# labels: slow
for offsets in true false; do
  train=(--tuner superpos --set length=4 --set tokens=16 --set offsets=$offsets --lr 0.05)
  [ "$(accuracy "${train[@]}" --steps 1)" != 1.0 ] # otherwise the next check would prove nothing
  [ "$(accuracy "${train[@]}" --steps 150)" = 1.0 ]
done
! cuecard train --task task.json --model "$model" --tuner superpos --set offsets=false --set offset-decay=0.1 --out no 2>error.txt
grep -q "offset-decay" error.txt
