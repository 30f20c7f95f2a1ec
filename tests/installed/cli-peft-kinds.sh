# requires: bart bert fine-tuning head llama manual p-tuning-v2 prefix-tuning prompt-tuning roberta
# Which cards of encoders, encoder-decoders and other tuners can be exported as PEFT adapters, and why others can't.
source "$SOURCE/tests/installed/toy_task"
plain=$models/bert-plain roberta=$models/roberta-mlm bart=$models/bart
python3 <<'PYTHON'
import json
task = json.load(open("masked.json"))
json.dump({**task, "template": "{text}", "verbalizer": {"component": "head"}}, open("head.json", "w"))
json.dump({**task, "template": '{"placeholder": "text"}{"mask"}'}, open("bare.json", "w"))
PYTHON
trained() { # NAME TASK MODEL TUNER WORDS...
  local name=$1 task=$2 model=$3 tuner=$4
  shift 4
  run train --task "$task" --model "$model" --tuner "$tuner" --steps 1 --lr 0.01 --out "$name.card" "$@" >/dev/null
}
fits() { # NAME MODEL TYPE TASK
  run card export "$1.card" "$1" --model "$2" --json >out
  grep -q "\"peft_type\":\"$3\",\"task_type\":\"$4\"" out || { cat out; exit 1; }
}
trained pooled head.json "$plain" p-tuning-v2 --set length=2
fits pooled "$plain" PREFIX_TUNING SEQ_CLS
trained first head.json "$plain" prompt-tuning --set length=2 --set verbalizer.row=first
fits first "$plain" PROMPT_TUNING SEQ_CLS
trained dense head.json "$roberta" p-tuning-v2 --set length=2 --set verbalizer.dense=true --set verbalizer.pooler=no
fits dense "$roberta" PREFIX_TUNING SEQ_CLS
trained score head.json "$llama" prompt-tuning --set length=2 --set verbalizer.bias=false
fits score "$llama" PROMPT_TUNING SEQ_CLS

trained later head.json "$plain" prompt-tuning --set length=2
expect 3 'train it with --set verbalizer.row=first' card export later.card no --model "$plain"
trained biased head.json "$llama" prompt-tuning --set length=2
expect 3 'train it with --set verbalizer.bias=false' card export biased.card no --model "$llama"
trained masked bare.json "$bert" prompt-tuning --set length=2
expect 3 'is a masked language model, for which PEFT has no task type' card export masked.card no --model "$bert"
trained weights head.json "$plain" fine-tuning
expect 3 'replaces weights of the model' card export weights.card no --model "$plain"
trained sites bare.json "$bart" prefix-tuning --set length=2 --set mid-dim=4 --set template.encoder-decoder=plain
expect 3 'prefix in the encoder or the cross-attention' card export sites.card no --model "$bart"
trained decoder bare.json "$bart" prefix-tuning --set length=2 --set mid-dim=4 --set encoder=false --set cross=false --set template.encoder-decoder=plain
fits decoder "$bart" PREFIX_TUNING SEQ_2_SEQ_LM
trained asked bare.json "$bart" prompt-tuning --set length=2
expect 3 'template adds .* to the input' card export asked.card no --model "$bart"
trained plainly bare.json "$bart" prompt-tuning --set length=2 --set template.encoder-decoder=plain
fits plainly "$bart" PROMPT_TUNING SEQ_2_SEQ_LM
[ ! -e no ]
