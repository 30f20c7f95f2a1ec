# requires: bert llama manual t5
# labels: slow
printf 'text\tlabel\nI saw a red apple\tlove\nI saw a blue plum\tleave\nno fruit at all\tleave\n' >shown.tsv
write_task '{ "component": "similarity-template", "text": "{text}:{\"mask\"}", "options": { "demonstrations": "shown.tsv", "k": 1 } }'
cuecard render --task task.json --model "$model" "a blue plum and a pear" >prompt.txt
grep -q "b l u e Ġp l u m : Ġleave Ċ Ċ a Ġb" prompt.txt # the most similar demonstration, then the input
! grep -q "Ġlove" prompt.txt
accuracy --tuner manual >/dev/null
mv shown.tsv elsewhere.tsv # the card holds the demonstrations
cuecard predict --card card --model "$model" --quiet "I saw a red pear" | grep '"label"' >/dev/null
printf 'text\tlabel\nI saw a red apple\n' >shown.tsv
! cuecard render --task task.json --model "$model" "a plum" 2>error.txt
grep -q "demonstrations, line 2: it has 1 columns; expected 2" error.txt
