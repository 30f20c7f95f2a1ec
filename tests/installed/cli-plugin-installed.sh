# requires: llama manual prompt-tuning
# A card is trained and used with a plugin that was installed from an archive, until a policy no longer trusts it.
export HOME=$PWD/home
unset XDG_DATA_HOME XDG_CONFIG_HOME CUECARD_PLUGIN_PATH CUECARD_PLUGIN_INDEX
mkdir -p home/.config/cuecard
umask 022
cp "$SOURCE/LICENSE" LICENSE
echo 'A tuner.' >README.md
python3 -m plugin_archives variant "$PLUGINS/prompt-tuning.so" later 0.3.0
cuecard plugin pack later/prompt-tuning.so --out later.tar.gz >packed
cuecard plugin install later.tar.gz >installed 2>&1
printf 'I saw a red apple\tred\nI saw a blue apple\tblue\n' >rows.tsv
cat >task.json <<'JSON'
{
  "data": { "train": "rows.tsv", "header": false, "fields": { "text": 1 }, "label": 2 },
  "labels": [{ "name": "red", "words": ["love"] }, { "name": "blue", "words": ["leave"] }],
  "template": "{text}:{\"mask\"}"
}
JSON
model=$SOURCE/tests/golden/models/llama-tied
train() { cuecard train --task task.json --model "$model" --tuner prompt-tuning --steps 2 --quiet --out "$1" >trained; }
train one.card
cuecard card info one.card --json | grep '"plugin_version":"0.3.0"' >/dev/null
cuecard predict --card one.card --model "$model" --quiet 'I saw a red apple' | grep '"label"' >/dev/null

echo '{"trust": "listed", "hashes": []}' >home/.config/cuecard/plugin-trust.json
status=0
train two.card 2>err || status=$?
[ $status -eq 4 ] && grep -q 'prompt-tuning.so is not trusted: its SHA-256' err && [ ! -e two.card ]
# Without it the one that came with the program is used again.
cuecard plugin remove prompt-tuning >removed
train three.card
cuecard card info three.card --json | grep '"plugin_version":"0.2.0"' >/dev/null
