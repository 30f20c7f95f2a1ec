# requires: bert manual
# Texts longer than a masked model's positions.
source "$SOURCE/tests/installed/toy_task"
source "$SOURCE/tests/installed/long_rows"
long_rows "$bert" masked.json
