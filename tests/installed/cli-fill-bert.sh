# requires: bert manual
# `fill` on a masked model gives log-probabilities over the whole vocabulary for each mask.
models=$SOURCE/tests/golden/models
cuecard fill --json --model "$models/bert-mlm" --template 'a {"mask"} film is {"mask"}.' --top-k 320 >found
python3 "$SOURCE/tests/installed/whole_vocabulary.py" found 1 2 320
[ "$(cuecard fill --model "$models/bert-mlm" --template 'a {"mask"} film.' --top-k 4 | wc -l)" -eq 6 ]

expect() { # PATTERN WORDS...
  local pattern=$1 status=0
  shift
  cuecard fill "$@" >out 2>err </dev/null || status=$?
  { [ $status -eq 2 ] && grep -qE -- "$pattern" err && [ "$(wc -l <err)" -eq 1 ]; } || { echo "fill $*: $status"; cat err; exit 1; }
}
expect 'no head' --model "$models/bert-plain" --template 'a {"mask"} film.'
expect 'soft' --model "$models/bert-mlm" --template 'a {"soft"} {"mask"} film.'

# A masked model can't generate, whatever the template has.
for template in '{text}' 'a {"mask"} {text}'; do
  status=0
  cuecard generate --model "$models/bert-mlm" --template "$template" film >out 2>err || status=$?
  { [ $status -eq 2 ] && grep -q 'of the family "bert" can.t generate text' err; } || { echo "generate: $status"; cat err; exit 1; }
done
