# requires: llama manual prompt-tuning
# labels: slow
# The demo with few examples: its data are as documented, and it prints its table and JSON.
source "$SOURCE/tests/smollm2/there"
reviews=$SOURCE/.cache/text/movieReviewSnippets_GroundTruth.txt
if [ ! -e "$reviews" ]; then
  echo "SKIPPED: $(basename "$reviews") is not there; \`./run setup\` fetches it"
  exit 77
fi
demo() {
  "$SOURCE/examples/sentiment/demo" --program "$PREFIX/bin/cuecard" --model "$SMOLLM2" --reviews "$reviews" --folder data \
    --train 32 --dev 16 --held-out 40 --epochs 1 "$@" 2>err || { cat err; exit 1; }
}
demo 'A film to remember.' 'A film to forget.' >table
grep -qE '^method +trained +accuracy +95% interval' table
grep -qE '^manual-[a-z-]+ +0 +[0-9.]+% ' table
grep -qE '^soft-prompt +11,520 +[0-9.]+% +[0-9.]+ to [0-9.]+ +[0-9]+ s ' table
grep -qE '^On the same 40 held-out examples .*McNemar, p = ' table
[ "$(grep -cE '^(negative|positive) +[01]\.[0-9]{2}  A film to (remember|forget)\.$' table)" -eq 2 ]
[ "$(grep -c '% of the training examples' err)" -eq 6 ]

python3 - "$reviews" <<'PYTHON'
import json, sys
ratings = {}
for line in open(sys.argv[1], encoding="latin-1"):
    _, rating, text = line.rstrip("\n").split("\t", 2)
    ratings.setdefault(" ".join(text.split()), float(rating))
seen = set()
for name, size in ("train", 32), ("dev", 16), ("held-out", 40):
    rows = [json.loads(line) for line in open(f"data/{name}.jsonl", encoding="utf-8")]
    assert len(rows) == size and {row["label"] for row in rows} == {"negative", "positive"}
    for row in rows:
        rating = ratings[row["text"]]
        assert abs(rating) >= 0.5 and row["label"] == ("positive" if rating > 0 else "negative"), row
        assert row["text"].casefold() not in seen, "a sentence stands in two parts"
        seen.add(row["text"].casefold())
PYTHON

demo --json >result.json
python3 <<'PYTHON'
import json
[line] = open("result.json")
result = json.loads(line)
assert result["seed"] == 1 and result["manual"]["n"] == result["soft"]["n"] == 40
assert result["soft"]["versus"]["card"] == result["manual"]["card"]
assert result["training"]["parameters"] == 11520 and result["training"]["steps"] == 2
PYTHON
