# requires: bert llama manual
# `fill` gives log-probabilities over the whole vocabulary for each answer slot.
models=$SOURCE/tests/golden/models
cuecard fill --json --quiet --model "$models/llama-tied" --template '{text} It was{"mask"}' --topk 384 'a film' 'the plot' >llama
cuecard fill --json --model "$models/bert-mlm" --template 'a {"mask"} film is {"mask"}.' --topk 320 >bert
python3 <<'PYTHON'
import json, math
def check(path, rows, slots, vocabulary):
    lines = [json.loads(line) for line in open(path)]
    summary = lines.pop()["summary"]
    assert [line["row"] for line in lines] == list(range(rows))
    assert summary["forwards"] >= 1 and summary["scores_projected"] >= rows * slots * vocabulary, summary
    for line in lines:
        assert [slot["index"] for slot in line["slots"]] == list(range(slots))
        for slot in line["slots"]:
            logs = [top["logprob"] for top in slot["top"]]
            assert logs == sorted(logs, reverse=True)
            assert len({top["id"] for top in slot["top"]}) == vocabulary
            assert abs(sum(map(math.exp, logs)) - 1) < 1e-4, "all of the vocabulary sums to one"
    return lines
check("llama", 2, 1, 384)
check("bert", 1, 2, 320)
PYTHON

# The same table for people, with as many tokens as asked for.
[ "$(cuecard fill --model "$models/bert-mlm" --template 'a {"mask"} film.' --topk 4 | wc -l)" -eq 6 ]

expect() { # PATTERN WORDS...
  local pattern=$1 status=0
  shift
  cuecard fill "$@" >out 2>err </dev/null || status=$?
  { [ $status -eq 2 ] && grep -qE -- "$pattern" err && [ "$(wc -l <err)" -eq 1 ]; } || { echo "fill $*: $status"; cat err; exit 1; }
}
expect 'no head' --model "$models/bert-plain" --template 'a {"mask"} film.'
expect 'soft' --model "$models/bert-mlm" --template 'a {"soft"} {"mask"} film.'
