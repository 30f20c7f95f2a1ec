# requires: llama manual
# `generate` gives the same texts in any batch, and rejects unsupported settings.
model=$SOURCE/tests/golden/models/llama-tied
cuecard generate --json --quiet --model "$model" --max-new-tokens 6 --beams 3 --sequences 2 'a film' 'the plot was long' 'x7' >together
for text in 'a film' 'the plot was long' 'x7'; do
  cuecard generate --json --quiet --model "$model" --max-new-tokens 6 --beams 3 --sequences 2 "$text" | grep '"row"'
done >alone
python3 - <<'PY'
import json
together = [json.loads(line) for line in open("together")]
alone = [json.loads(line) for line in open("alone")]
assert together[-1]["summary"]["rows"] == 3 and together[-1]["summary"]["tokens_from_cache"] > 0, together[-1]
for row, one in zip(together, alone, strict=False):
    assert [t["text"] for t in row["texts"]] == [t["text"] for t in one["texts"]], (row, one)
    assert len(row["texts"]) == 2 and all(0 < t["tokens"] <= 6 and t["log_prob"] < 0 for t in row["texts"])
PY
# A template without fields is the prompt; the same seed gives the same sample.
draw() { cuecard generate --quiet --model "$model" --template 'a film' --temperature 1 --max-new-tokens 8 --seed "$1"; }
[ "$(draw 5)" = "$(draw 5)" ] && [ "$(draw 5)" != "$(draw 6)" ]

refused() {
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard generate --model "$model" "$@" >out 2>err </dev/null || status=$?
  { [ $status -eq "$code" ] && grep -qE -- "$pattern" err && [ "$(wc -l <err)" -eq 1 ]; } || { echo "generate $*: $status"; cat err; exit 1; }
}
refused 2 'sequences to return, 2, exceeds the number of beams, 1' --sequences 2 'a film'
refused 2 'beam search does not sample' --beams 2 --temperature 1 'a film'
refused 2 'seed is for sampling' --seed 3 'a film'
refused 2 'early-stop is for beam search' --early-stop 'a film'
refused 2 'ban is an empty text' --ban '' 'a film'
refused 3 'the line is empty' --strict ''

# A banned text is generated neither at the beginning of a line nor after a space.
written() { cuecard generate --quiet --model "$model" --max-new-tokens 12 "$@" 'a film'; }
word=$(written | tr -cs 'A-Za-z' '\n' | grep -m 1 ...)
if written --ban "$word" | grep -F "$word" >/dev/null; then echo "\"$word\" was banned and written"; exit 1; fi

# A prompt that is too long leaves room for the new tokens (of 128 positions the last token needs none), and that is said.
long=$(python3 -c 'print("I saw a red apple and a blue pear. " * 30)')
for most in 1 30 400; do
  cuecard generate --json --model "$model" --max-new-tokens $most --min-new-tokens $most "$long" >cut.jsonl 2>cut.err
  python3 - $most <<'PY'
import json, subprocess, sys
most = int(sys.argv[1])
room = min(most, 65)  # at least half of the positions are the prompt's
row, last = (json.loads(line) for line in open("cut.jsonl"))
assert row["texts"][0]["tokens"] == room and row["cut"] == last["summary"]["cut_tokens"] > 0, (most, row, last)
said = open("cut.err").read()
assert f"1 of 1 examples cut to {129 - room} tokens" in said, said
assert (most == 1) == ("raise --max-length" in said or "the model takes up to 128 tokens:" in said), said
assert (most > 1) == ("lower --max-new-tokens (the model takes 128 tokens, the new ones included)" in said), said
PY
done
# A short prompt is not cut, however many tokens are asked for.
cuecard generate --json --model "$model" --max-new-tokens 400 'a film' 2>short.err | { ! grep -q '"cut":'; }
! grep -q 'cut to' short.err

# On a terminal the text is printed as it is generated, so several parts arrive unless the machine was slow to read.
python3 - "$model" <<'PY'
import os, subprocess, sys
command = ["cuecard", "generate", "--quiet", "--model", sys.argv[1], "--max-new-tokens", "100", "--min-new-tokens", "100", "a film"]
whole = subprocess.run(command, capture_output=True, check=True).stdout
def on_terminal():
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, stdout=theirs)
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 1 << 16):
            parts.append(part)
    except OSError:  # the other end was closed
        pass
    assert process.wait() == 0
    return parts
for _ in range(5):
    parts = on_terminal()
    assert b"".join(parts).replace(b"\r\n", b"\n") == whole, (parts, whole)
    if len(parts) > 3:
        break
else:
    raise SystemExit("the text came at once")
PY

# Encoder-decoders also generate the same texts in any batch.
for name in t5-plain bart; do
  [ -e "$PLUGINS/${name%%-*}.so" ] || continue
  coder=$SOURCE/tests/golden/models/$name
  cuecard generate --json --quiet --model "$coder" --max-new-tokens 6 --beams 2 'a film' 'the plot was long' >together
  { for text in 'a film' 'the plot was long'; do cuecard generate --json --quiet --model "$coder" --max-new-tokens 6 --beams 2 "$text"; done; } >alone
  python3 - <<'PY'
import json
rows = lambda name: [json.loads(line)["texts"][0] for line in open(name) if "texts" in line]
together, alone = rows("together"), rows("alone")
assert len(together) == 2 and [t["text"] for t in together] == [t["text"] for t in alone], (together, alone)
PY
done
