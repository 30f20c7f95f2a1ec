# requires: llama manual prompt-tuning
# Long work shows a progress bar on a terminal, plain lines elsewhere, and nothing with --quiet.
source "$SOURCE/tests/installed/toy_task"
python3 - "$llama" <<'PYTHON'
import os, pty, re, subprocess, sys

train = ["cuecard", "train", "--task", "toy.json", "--model", sys.argv[1], "--tuner", "prompt-tuning", "--steps", "20", "--out", "a.card", "--json"]

def on_terminal(command):
    """What a terminal at the program's standard error is sent."""
    ours, theirs = pty.openpty()
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    sent = b""
    while True:
        try:
            data = os.read(ours, 4096)
        except OSError: # how Linux says that nobody holds the other end any more
            break
        if not data:
            break
        sent += data
    assert child.wait() == 0, sent
    return sent.decode()

sent = on_terminal(train)
frames = [frame for frame in re.split(r"[\r\n]+", sent) if frame]
assert re.fullmatch(r"train \[={24}\] 20/20  \d+:\d\d  loss \d\.\d{4}  dev \d+\.\d%\x1b\[K", frames[-1]), frames
assert all(re.match(r"train \[=* *\] \d+/20 ", frame) for frame in frames) and sent.endswith("\n"), sent
assert on_terminal(train + ["--quiet"]) == ""

piped = subprocess.run(train, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
assert "\r" not in piped.stderr and "[" not in piped.stderr, piped.stderr
assert all(re.match(r"train \d+/20 ", line) for line in piped.stderr.splitlines()), piped.stderr
assert len(piped.stdout.splitlines()) == 1
PYTHON
