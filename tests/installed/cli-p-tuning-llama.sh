# requires: llama manual p-tuning
# Pseudo tokens in front of the text and inside it, out of an LSTM and out of an MLP.
source "$SOURCE/tests/installed/learned_task"
learn front "$llama" toy.json p-tuning --set length=4
sed 's/It was/{\\"soft\\":\\"all in all\\"}/' toy.json >inside.json
learn inside "$llama" inside.json p-tuning --set encoder=mlp
