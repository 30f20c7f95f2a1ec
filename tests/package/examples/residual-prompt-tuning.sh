# requires: bert llama manual prompt-tuning t5
# labels: slow
train=(--tuner residual-prompt-tuning --set length=4 --set bottleneck=32)
[ "$(accuracy "${train[@]}" --steps 1)" != 1.0 ] # otherwise the next check would prove nothing
[ "$(accuracy "${train[@]}" --steps 120)" = 1.0 ]

# The network is gone: card and adapter hold four rows of the model's width, and prompt-tuning starts from them.
cuecard card export card adapter --model "$model" --drop-template >/dev/null
python3 - card/card.safetensors adapter "$model/config.json" <<'PYTHON'
import json, struct, sys

def shapes(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}

card, adapter, config = sys.argv[1:]
rows = [4, json.load(open(config))["hidden_size"]]
found = {name: shape for name, shape in shapes(card).items() if name.startswith("tuner.")}
assert found == {"tuner.prompt": rows}, found
assert list(shapes(f"{adapter}/adapter_model.safetensors").values()) == [rows]
assert json.load(open(f"{adapter}/adapter_config.json"))["peft_type"] == "PROMPT_TUNING"
PYTHON
mv card trained
[ "$(accuracy --tuner prompt-tuning --set length=4 --set init=card --set from=trained --steps 1 --lr 0.0001)" = 1.0 ]
