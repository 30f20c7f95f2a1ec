# requires: bert manual p-tuning
# labels: learning
# Virtual tokens before the text and inside it, encoded by an LSTM and by an MLP.
source "$SOURCE/tests/installed/trained_task"
learn front "$bert" masked.json p-tuning --set length=4
sed 's/It was/{\\"soft\\":\\"all in all\\"}/' masked.json >inside.json
learn inside "$bert" inside.json p-tuning --set encoder=mlp
