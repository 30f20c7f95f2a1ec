"""python3 -m killed_run WHOLE RESUMED COMMAND...: a training run that is killed repeatedly has the same result as an uninterrupted one.

WHOLE.card and WHOLE.json are the results of the uninterrupted run. COMMAND has a checkpoint in the folder `kept`, writes
RESUMED.card and prints JSON.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time

def names(place: str) -> dict[str, int]:
    """Inode numbers of the files there, including the folders of several seeds; they change with each save."""
    found = {}
    for folder, _, files in os.walk(place):
        for name in files:
            try:
                found[os.path.join(folder, name)] = os.stat(os.path.join(folder, name)).st_ino
            except FileNotFoundError:
                continue
    return found


def version() -> dict[str, int]:
    return {path: number for path, number in names("kept").items() if path.endswith("checkpoint.safetensors")}


def being_saved() -> bool:
    return any(os.path.basename(path).startswith(".checkpoint.") for path in names("kept"))


def kill_at_a_random_moment(train: subprocess.Popen, in_a_save: bool) -> None:
    """Some time after the first state that this process writes, so that every start makes progress."""
    before = version()
    while train.poll() is None and version() == before:
        time.sleep(0.001)
    time.sleep(random.uniform(0, 0.1))
    while in_a_save and train.poll() is None and not being_saved():
        pass
    if train.poll() is None:
        train.kill()


def killed_until_done(command: list[str], resumed: str) -> tuple[int, bytes]:
    """The number of kills, and the final output. At least one kill must interrupt a save."""
    half_saved = False
    for kills in range(200):
        train = subprocess.Popen(command, stdout=subprocess.PIPE)
        if kills < 6 or not half_saved:
            kill_at_a_random_moment(train, in_a_save=kills % 2 == 1)
        out = train.communicate()[0]
        if train.returncode == 0:
            assert half_saved, "no kill interrupted a save"
            return kills, out
        half_saved = half_saved or being_saved()
        assert train.returncode == -signal.SIGKILL, train.returncode
        assert not os.path.exists(resumed + ".card"), "nothing is written before the end"
    raise AssertionError("it never finished")


def main() -> None:
    whole, resumed, *command = sys.argv[1:]
    random.seed(7)
    kills, out = killed_until_done(command, resumed)
    assert kills >= 3, kills
    assert not os.path.exists("kept"), "a checkpoint is removed when its run is finished"
    ended, never_killed = json.loads(out), json.load(open(whole + ".json"))
    assert ended["losses"] == never_killed["losses"]
    for each in [*ended.get("seeds", []), *never_killed.get("seeds", [])]:
        each.pop("seconds")
    assert ended.get("seeds") == never_killed.get("seeds"), (ended, never_killed)
    cards = [json.load(open(name + ".card/card.json")) for name in (whole, resumed)]
    for card in cards:
        assert card["training"].pop("seconds") > 0
    assert cards[0] == cards[1]
    tensors = [name + ".card/card.safetensors" for name in (whole, resumed)]
    assert os.path.exists(tensors[0]) == os.path.exists(tensors[1])
    if os.path.exists(tensors[0]):
        first, second = (open(path, "rb").read() for path in tensors)
        assert first == second


if __name__ == "__main__":
    main()
