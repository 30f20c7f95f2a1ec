# requires: prompt-tuning
# Archives that are not what they should be: each is refused with one sentence, and what was installed stays as it was.
export HOME=$PWD/home TMPDIR=$PWD/temporary
unset XDG_DATA_HOME XDG_CONFIG_HOME CUECARD_PLUGIN_PATH CUECARD_PLUGIN_INDEX
mkdir home temporary
place=$HOME/.local/share/cuecard/plugins/$(basename "$PLUGINS")
cp "$SOURCE/LICENSE" LICENSE
echo 'A tuner.' >README.md
cuecard plugin key new author.pem >key.txt
cuecard plugin pack "$PLUGINS/prompt-tuning.so" --out good.tar.gz --key author.pem >packed
python3 -m plugin_archives variant "$PLUGINS/prompt-tuning.so" later 0.3.0
cuecard plugin pack later/prompt-tuning.so --out later.tar.gz --key author.pem >packed
python3 -m plugin_archives hostile later.tar.gz hostile
cuecard plugin install good.tar.gz >installed 2>&1
state() { (cd "$place" && find . -printf '%p %y %m\n' | sort && find . -type f -exec sha256sum {} + | sort); }
state >before

limit=400000 # kB of addresses
if readelf -d "$PREFIX/bin/cuecard" | grep libasan >/dev/null; then limit=unlimited; fi # a sanitizer takes terabytes of them

count=0
for archive in hostile/*.tar.gz; do
  status=0
  # No member is allocated as it claims to be: the address space holds the program, its libraries and little more.
  (ulimit -v $limit && cuecard plugin install $archive) >out 2>err || status=$?
  [ $status -eq 3 ] && [ "$(wc -l <err)" -eq 1 ] && grep -qE -- "$(cat ${archive%.tar.gz}.expected)" err || {
    echo "$archive: exit code $status, expected 3 and \"$(cat ${archive%.tar.gz}.expected)\""; cat out err; exit 1; }
  state | cmp - before || { echo "$archive changed what was installed"; exit 1; }
  count=$((count + 1))
done
[ $count -ge 30 ]
[ ! -e "$place/../evil" ] && [ ! -e /tmp/cuecard-evil ] && [ -z "$(ls -A temporary)" ]

# Nor are they indexed, and the archive that is sound is what was tried all along.
mkdir index && cp hostile/changed-library.tar.gz index
status=0
cuecard plugin index index 2>err || status=$?
[ $status -eq 3 ] && grep -q 'prompt-tuning.so was changed' err && [ ! -e index/index.json ] && [ -z "$(ls -A temporary)" ]
cuecard plugin install later.tar.gz 2>&1 | grep 'replaces 0.2.0' >/dev/null

# An installation that is killed leaves what was there, and the next one works.
python3 - <<'PYTHON'
import os, signal, subprocess, time
for wait in range(0, 30, 3): # milliseconds
    child = subprocess.Popen(["cuecard", "plugin", "install", "good.tar.gz", "--downgrade"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(wait / 1000)
    child.send_signal(signal.SIGKILL)
    child.wait()
    subprocess.run(["cuecard", "plugin", "verify"], check=True, stdout=subprocess.DEVNULL)
PYTHON
cp -r "$place/prompt-tuning" "$place/.prompt-tuning.1-0" # as if it had been killed at the end
cuecard plugin install later.tar.gz --downgrade >out 2>&1
grep -q 'an earlier installation that was killed had left' out
[ -z "$(ls -A "$place" | grep -vx prompt-tuning)" ]
cuecard plugin info prompt-tuning | grep 'plugin prompt-tuning 0.3.0' >/dev/null
