# requires: bert manual
# `render` shows the prompts of examples, needs no weights, and reports truncation.
mkdir bert-mlm
cp "$SOURCE"/tests/golden/models/bert-mlm/{config,tokenizer,tokenizer_config}.json bert-mlm/
long='The film was great and the acting was good and the plot was wonderful'
template='{text} It was {"mask"}.'
{
  cuecard render --json --model bert-mlm --template "$template" 'The film was great' "$long"
  cuecard render --json --model bert-mlm --template "$template" --max-length 12 "$long"
  cuecard render --json --model bert-mlm --template '{text} {"soft"} {"soft"} {"mask"}' 'The film was great'
} >out
python3 <<'PYTHON'
import json
short, whole, cut, soft = [json.loads(line) for line in open("out")]
assert list(short) == ["row", "tokens", "ids", "soft", "answers", "cut"], short
# OpenPrompt's tokens for these templates and texts: cases bert-01, bert-08 and mix-01.
assert short["tokens"] == "[CLS] the film was great it was [MASK] . [SEP]".split()
assert short["answers"] == [7] and short["cut"] == 0 and short["row"] == 0 and not any(short["soft"])
assert whole["row"] == 1
assert cut["tokens"] == "[CLS] the film was great and the it was [MASK] . [SEP]".split()
assert cut["answers"] == [9] and cut["cut"] == len(whole["ids"]) - 12
assert len(soft["soft"]) == len(soft["ids"]) == len(soft["tokens"])
assert soft["soft"] == [0, 0, 0, 0, 0, 1, 2, 0, 0] and soft["tokens"][soft["answers"][0]] == "[MASK]"
PYTHON

# Data files, and unusable rows: reported by number, and an error with --strict.
printf 'text\tlabel\nThe film was great\t1\n\t1\nThe film was bad\t0\n' >rows.tsv
cuecard render --json --model bert-mlm --template "$template" --data rows.tsv >out 2>err && exit 1
[ $? -eq 5 ]
python3 -c '
import json
rows = [json.loads(line) for line in open("out")]
assert [r["row"] for r in rows] == [0, 1, 2] and "error" in rows[1] and "bad" in rows[2]["tokens"], rows'
grep -q '1 of 3 examples' err

expect() { # CODE PATTERN WORDS...
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard render --model bert-mlm "$@" >out 2>err || status=$?
  { [ $status -eq $code ] && grep -qE -- "$pattern" err && [ "$(wc -l <err)" -eq 1 ]; } || { echo "render $*: $status"; cat err; exit 1; }
}
expect 3 'rows.tsv, line 3: the example' --strict --data rows.tsv --template "$template"
expect 2 'column' --template '{text} is {"mask"' 'x'
expect 3 'no-such-file' --template "$template" --data no-such-file.tsv
expect 2 'mutually exclusive' --template "$template" --data rows.tsv 'text'
expect 3 'can.t be used' --strict --template '{a} {b} {"mask"}' 'text'
