# requires: bart manual t5 text
# `generate` on encoder-decoders gives the texts of transformers' `generate`: the text is in the encoder, and the decoder begins with its
# start token, without sentinels or a mask token. Texts as transformers 5.23 generates them from these models, greedily.
models=$SOURCE/tests/golden/models
expect() { # MODEL EXPECTED ARGUMENT...
  local model=$1 expected=$2 found
  shift 2
  found=$(cuecard generate --quiet --model "$models/$model" --max-new-tokens 8 "$@")
  [ "$found" = "$expected" ] || { echo "generate $model $*: \"$found\", not \"$expected\""; exit 1; }
}
expect t5-plain '##tt r x x x x' 'a film'
expect t5-plain 'cry cry cry cry cry cry r' 'the plot was long'
expect t5-gated 'this z good laugh good! thist' 'a film'
expect mt5 '##iiiiiiii' 'a film'
expect umt5 'leave leave leave leave leave leave leave leave' 'the plot was long'
expect bart 'sentiment sentiment sentiment sentiment sentiment sentiment' 'a film'
expect bart 'b b b b b b' 'the plot was long'

# So does a template, with or without an answer slot at its end.
for template in '{text} is good' '{text} is good {mask}' '{"placeholder": "text"} is good {"mask"}'; do
  expect t5-plain 'becomes becomes becomes....' --template "$template" 'a film'
  expect bart 'sentiment sentiment sentiment sentiment sentiment sentiment' --template "$template" 'a film'
done
# A slot with text after it is filled: a sentinel on both sides.
expect t5-plain 'great greatrrr' --template '{mask} {text}' 'a film'

# A task file has its own layout, which is that of the template component: sentinels.
echo '{"name": "infill", "template": "{text}", "verbalizer": "text"}' >infill.json
expect t5-plain 'great greatrrr' --task infill.json 'a film'
