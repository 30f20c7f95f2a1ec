# requires: llama manual
# A plugin that crashes in the middle of a command, or ends the program: one sentence names plugin, component and function, the exit code
# is that of plugins, and no card is left. WRONG: the folder of the plugin `wrong`.
source "$SOURCE/tests/installed/toy_task"
export CUECARD_PLUGIN_PATH=$WRONG CUECARD_WRONG=
learn=(train --task toy.json --model "$llama" --tuner wrong --steps 1)
advice='; update or remove this plugin, and report this to its author\.$'
run "${learn[@]}" --out right.card >/dev/null # without its faults it works
for fault in crashes:'it crashed: Segmentation fault' exits:'it ended the program'; do
  CUECARD_WRONG=${fault%%:*}
  expect 4 "^cuecard: plugin \"wrong\", component \"wrong\", prepare: ${fault#*:}$advice" "${learn[@]}" --out no.card
  [ ! -s out ] && [ ! -e no.card ]
  expect 4 "^cuecard: plugin \"wrong\", component \"wrong\", prepare: ${fault#*:}$advice" predict --card right.card --model "$llama" "a film"
  [ ! -s out ]
done
# The conformance kit's own task, as it writes it although the plugin crashes, crashes it again.
CUECARD_WRONG=crashes
cuecard plugin check "$WRONG/wrong.so" --only names --out kit >kit.txt
crash='plugin "wrong", component "wrong", prepare: it crashed: Segmentation fault'
grep -E "^kit/tuner-wrong\.causal\.json +written  $crash" kit.txt >/dev/null
grep -E '^kit/tuner-wrong-search\.causal\.json +written$' kit.txt >/dev/null
expect 4 "^cuecard: $crash$advice" train --task kit/tuner-wrong.causal.json --model kit/causal --tuner wrong --steps 1 --out no.card
[ ! -e no.card ]
# After a step, it also says what is lost, and what the same command does.
CUECARD_WRONG=crashes-in-a-step
steps=(train --task toy.json --model "$llama" --tuner wrong --steps 4)
later="^cuecard: plugin \"wrong\", component \"wrong\", condition: it crashed: Segmentation fault${advice%\$}"
expect 4 "$later The training is lost; with --checkpoint, the same command would have continued\.\$" "${steps[@]}" --out no.card
kept=("${steps[@]}" --checkpoint kept --checkpoint-every 1)
expect 4 "$later The training since the last checkpoint is lost; the same command continues from it\.\$" "${kept[@]}" --out no.card
[ ! -e no.card ] && [ -e kept/checkpoint.safetensors ]
# The third step is the first one of the process that continues, so the fault of the third of a process is not reached.
run "${kept[@]}" --out continued.card >/dev/null
CUECARD_WRONG=
run "${steps[@]}" --out whole.card >/dev/null
cmp continued.card/card.safetensors whole.card/card.safetensors
run "${learn[@]}" --out no.card >/dev/null # nothing of the runs before is in the way
run predict --card no.card --model "$llama" "a film" | grep '"label"' >/dev/null
