"""whole_vocabulary.py FILE ROWS SLOTS VOCABULARY: checks that the output of `fill --json --top-k` is a distribution at each slot."""

import json
import math
import sys

path, rows, slots, vocabulary = sys.argv[1], *map(int, sys.argv[2:])
lines = [json.loads(line) for line in open(path)]
summary = lines.pop()["summary"]
assert [line["row"] for line in lines] == list(range(rows))
assert summary["forwards"] == 1 and summary["logits_computed"] == rows * slots * vocabulary, summary
for line in lines:
    assert [slot["index"] for slot in line["slots"]] == list(range(slots))
    for slot in line["slots"]:
        logs = [top["log_prob"] for top in slot["top"]]
        assert logs == sorted(logs, reverse=True)
        assert len({top["id"] for top in slot["top"]}) == vocabulary
        assert abs(sum(map(math.exp, logs)) - 1) < 1e-4, "all of the vocabulary sums to one"
