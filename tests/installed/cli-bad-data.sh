# requires: llama manual
# Invalid data and options: a one-line message that names the file, the line or the key.
source "$SOURCE/tests/installed/toy_task"
run train --task toy.json --model "$llama" --tuner manual --out toy.card >/dev/null
: >empty.tsv
expect 3 'empty.tsv: the data file is empty' eval --card toy.card --model "$llama" --data empty.tsv
expect 3 'whole.*header|label' eval --card toy.card --model "$llama" --data dev.tsv --no-header --column text=1 --column label=3
printf 'good\t1\nbad\t7\n' >unknown.tsv
expect 3 'unknown.tsv, line 2: .*"7" is not one of' eval --strict --card toy.card --model "$llama" --task toy.json --data unknown.tsv
expect 3 'tsv. No such file|no-such.tsv' eval --card toy.card --model "$llama" --data no-such.tsv
sed 's/"template"/"templete"/' toy.json >wrong.json
expect 3 'wrong.json: unknown key "templete". Did you mean "template"' train --task wrong.json --model "$llama" --tuner manual --out no.card
[ -e /dev/nvidia0 ] || expect 2 'device cuda.*use the device cpu' predict --card toy.card --model "$llama" --device cuda x
[ ! -e no.card ]
