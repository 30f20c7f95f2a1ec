# requires: bert manual
# Rows that a masked model can't hold.
source "$SOURCE/tests/installed/toy_task"
source "$SOURCE/tests/installed/long_rows"
long_rows "$bert" masked.json
