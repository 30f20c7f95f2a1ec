# requires: llama manual text
# Settings in generation_config.json that are not used are named, once, by what generates and by `model info`.
cp -r "$SOURCE/tests/golden/models/llama-tied" model
cuecard generate --quiet --model model --max-new-tokens 4 'a film' >plain 2>err
cuecard model info model >info 2>>err
[ ! -s err ] || { cat err; exit 1; }

cat >model/generation_config.json <<'JSON'
{"eos_token_id": 2, "do_sample": false, "temperature": 0.6, "repetition_penalty": 1.1, "num_beams": 4, "length_penalty": 2.0,
 "max_new_tokens": null, "suppress_tokens": [7]}
JSON
says() { # EXPECTED ARGUMENT...: the part of the warning that names the settings; "" if there is none
  local expected=$1
  shift
  cuecard "$@" >out 2>err
  if [ -z "$expected" ]; then
    [ ! -s err ] || { echo "cuecard $*"; cat err; exit 1; }
  else
    { [ "$(wc -l <err)" -eq 1 ] && grep -qF "cuecard: warning: model/generation_config.json: $expected not used; " err; } || { echo "cuecard $*"; cat err; exit 1; }
  fi
}
all='"num_beams" (4), "length_penalty" (2.0), "repetition_penalty" (1.1) and "suppress_tokens" ([7]) are'
says "$all" generate --quiet --model model --max-new-tokens 4 'a film' 'the plot'
cuecard generate --quiet --model model --max-new-tokens 4 'a film' 2>/dev/null | cmp - plain
says "$all" model info model
says "$all" model info --json model
# Flags set them.
says '"suppress_tokens" ([7]) is' generate --model model --max-new-tokens 4 --beams 1 --repetition-penalty 1.1 'a film'
says '"length_penalty" (2.0), "repetition_penalty" (1.1) and "suppress_tokens" ([7]) are' generate --model model --max-new-tokens 4 --beams 2 'a film'
# What does not generate does not say so.
says '' render --quiet --model model --template '{text}' 'a film'
says '' fill --quiet --model model --template '{text}' 'a film'

echo '{"do_sample": true, "top_p": 0.9, "max_length": 100}' >model/generation_config.json
says '"max_length" (100), "do_sample" (true) and "top_p" (0.9) are' model info model
says '"top_p" (0.9) is' generate --model model --max-new-tokens 4 --temperature 1 'a film'
says '' generate --model model --max-new-tokens 4 --temperature 0 'a film'

# A task whose verbalizer generates has settings of its own.
echo '{"name": "titles", "template": "{text}", "verbalizer": {"component": "text", "options": {"max-new-tokens": 4}}}' >titles.json
says '' generate --model model --task titles.json 'a film'
