# requires: llama lora manual prompt-tuning
# A GGUF file with every quantised type, used as it is stored, against the folder that it is converted to in float32: the same
# predictions, training, texts and mixtures of cards.
source "$SOURCE/tests/installed/toy_task"
python3 "$SOURCE/tests/installed/quantised_gguf.py" "$llama" all.gguf
run model convert all.gguf folder
run train --task toy.json --model all.gguf --tuner lora --set rank=2 --set targets=all-linear --steps 3 --lr 0.01 --out lora.card >/dev/null
run train --task other.json --model all.gguf --tuner manual --out manual.card >/dev/null
trained() { # NAME MODEL DTYPE: trains a soft prompt, then predicts and generates
  run train --task toy.json --model "$2" --dtype "$3" --tuner prompt-tuning --set length=4 --steps 4 --lr 0.05 --out "$1.card" --json >"$1.train"
  run predict --card "$1.card" --model "$2" --dtype "$3" <dev.txt >"$1.predict"
  run generate --model "$2" --dtype "$3" --max-new-tokens 6 --json 'a film' 'the plot was long' 'x7' >"$1.generate"
  run fill --model "$2" --dtype "$3" --template '{text} It was{"mask"}' --top-k 384 --json <dev.txt >"$1.fill"
}
trained folder folder float32
trained stored all.gguf stored
# A card is one file's, in whatever form that is held: this one was trained in float32.
python3 -c '
import json
for i, text in enumerate(open("dev.txt")):
    print(json.dumps({"text": text.strip(), "card": ["toy", "other", "stored"][i % 3]}))' >mixed.jsonl
for dtype in float32 stored; do
  run predict --card lora.card --card manual.card --card stored=stored.card --model all.gguf --dtype $dtype --json <mixed.jsonl >mixed.$dtype
done
# Q8_0 keeps about seven bits of each number.
run predict --card folder.card --model folder --dtype int8 <dev.txt >int8.predict
expect 2 'all.gguf: --dtype int8 quantises the weights of a model folder; .* --dtype stored' predict --card stored.card --model all.gguf --dtype int8 x
# The same blocks, written once instead of made at each load; they are read with every --dtype.
run model convert folder blocks --dtype q8_0 --json >blocks.json
run fill --model folder --dtype int8 --template '{text} It was{"mask"}' --top-k 384 --json <dev.txt >int8.fill
for dtype in stored int8 float32; do
  run fill --model blocks --dtype $dtype --template '{text} It was{"mask"}' --top-k 384 --json <dev.txt >blocks-$dtype.fill
done
# A file that was cut off is refused before a matrix of it is used.
head -c 100000 all.gguf >cut.gguf
expect 3 'cut.gguf: .*it may have been cut off' fill --model cut.gguf --dtype stored --template '{text}{"mask"}' x
python3 <<'PYTHON'
from pathlib import Path

from same_rows import *

[a], [b] = lines("stored.train"), lines("folder.train")
assert max(abs(x - y) for x, y in zip(a["losses"], b["losses"], strict=True)) < 1e-4, (a["losses"], b["losses"])
check_all_close(lines("stored.predict"), lines("folder.predict"))
for name in "stored", "folder":
    assert len(without_summary(name + ".generate")) == 3
for x, y in zip(without_summary("stored.generate"), without_summary("folder.generate"), strict=True):
    assert [t["text"] for t in x["texts"]] == [t["text"] for t in y["texts"]], (x, y)
def same_words(first, second):
    for x, y in zip(without_summary(first), without_summary(second), strict=True):
        x, y = [{top["id"]: top["log_prob"] for top in row["slots"][0]["top"]} for row in (x, y)]
        assert len(x) == 384 and max(abs(x[id] - y[id]) for id in x) < 1e-4, (first, second)


same_words("stored.fill", "folder.fill")
for dtype in "stored", "int8", "float32":
    same_words(f"blocks-{dtype}.fill", "int8.fill")
[converted] = lines("blocks.json")
assert (converted["dtype"], converted["float32_matrices"]) == ("q8_0", 0), converted
assert converted["bytes"] < 0.4 * sum(file.stat().st_size for file in Path("folder").iterdir()), converted
for x, y in zip(without_summary("mixed.stored"), without_summary("mixed.float32"), strict=True):
    check_close(x, y)
away = [abs(x["scores"]["yes"] - y["scores"]["yes"]) for x, y in zip(lines("int8.predict"), lines("folder.predict"), strict=True)]
assert 1e-5 < max(away) < 0.05, away
PYTHON
