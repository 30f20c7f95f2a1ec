# requires: bert llama manual t5
# labels: slow
train=(--tuner residual-prompt-tuning --set length=4 --set bottleneck=32)
[ "$(accuracy "${train[@]}" --steps 1)" != 1.0 ] # otherwise the next check would prove nothing
[ "$(accuracy "${train[@]}" --steps 120)" = 1.0 ]

# The card holds four rows of the model's width and no network.
python3 - card/card.safetensors "$model/config.json" <<'PYTHON'
import json, struct, sys
file = open(sys.argv[1], "rb")
header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
shapes = {name: entry["shape"] for name, entry in header.items() if name.startswith("tuner.")}
width = json.load(open(sys.argv[2]))["hidden_size"]
assert shapes == {"tuner.prompt": [4, width]}, shapes
PYTHON
