# requires: prompt-tuning
# Packing, indexing, searching, installing, upgrading, verifying and removing plugins, with builds for two versions of LibTorch.
export HOME=$PWD/home
unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME CUECARD_PLUGIN_PATH CUECARD_PLUGIN_INDEX
mkdir home
expect() { # CODE PATTERN WORDS...: the exit code, and a pattern in what it says; an error is one line on standard error
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard "$@" >out 2>err || status=$?
  [ $status -eq $code ] || { echo "cuecard $*: exit code $status, expected $code"; cat out err; exit 1; }
  grep -qE -- "$pattern" out err || { echo "cuecard $*: no \"$pattern\" in:"; cat out err; exit 1; }
  [ $code -eq 0 ] || [ "$(wc -l <err)" -eq 1 ] || { echo "cuecard $*: more than one line:"; cat err; exit 1; }
}
library=$PLUGINS/prompt-tuning.so
abi=$(basename "$PLUGINS")
place=$HOME/.local/share/cuecard/plugins/$abi
version=$(cuecard plugin manifest "$library" | sed -n 's/^  "version": "\(.*\)",/\1/p')
[ "$version" = "$(cuecard version | sed 's/^cuecard \([0-9.]*\) .*/\1/')" ] # a bundled plugin has the program's version
minor=${abi##*.}
variant() { python3 -m plugin_archives variant "$library" "$@"; }
variant one 0.1.0
variant two 0.2.0
variant two-old 0.2.0 $((minor - 1))
variant three-next 0.3.0 $((minor + 1))
cp "$SOURCE/LICENSE" LICENSE
cp "$SOURCE/plugins/tuners/prompt-tuning/README.md" README.md

# Packing: the same files give the same bytes, whenever, wherever and under whatever umask; another tool reads what was put in.
expect 0 '^prompt-tuning 0.1.0 is packed in .*: [0-9]+ bytes, SHA-256 [0-9a-f]{64}, not signed' plugin pack one/prompt-tuning.so --out one.tar.gz
mkdir again && cp -r one LICENSE README.md again && touch -d 2001-02-03 again/*
(cd again && umask 077 && cuecard plugin pack one/prompt-tuning.so --out again.tar.gz >/dev/null)
cmp one.tar.gz again/again.tar.gz
python3 - <<'PYTHON'
import hashlib, json, tarfile
with tarfile.open("one.tar.gz") as tar:
    members = [(member.name, tar.extractfile(member).read()) for member in tar]
assert [name for name, _ in members] == ["CONTENTS", "LICENSE", "README.md", "prompt-tuning.json", "prompt-tuning.so"]
contents = json.loads(members[0][1])
assert [(file["name"], file["size"], file["sha256"]) for file in contents["files"]] == [
    (name, len(data), hashlib.sha256(data).hexdigest()) for name, data in members[1:]]
for name, data in members[1:]:
    assert data == open(name if name[0].isupper() else f"one/{name}", "rb").read(), name
PYTHON
expect 2 'ends in .tar.gz' plugin pack one/prompt-tuning.so --out one.zip
(mkdir bare && cd bare && expect 2 'no LICENSE in the working directory|no README.md in the working directory' plugin pack ../one/prompt-tuning.so --out one.tar.gz)
expect 3 'no-such.so' plugin pack no-such.so --out no.tar.gz
cp -r one drift && cp two/prompt-tuning.json drift
expect 3 'in the library and .* in its sidecar' plugin pack drift/prompt-tuning.so --out no.tar.gz
[ ! -e no.tar.gz ]

# An index, and what is in it.
mkdir index
for build in one two two-old three-next; do
  cuecard plugin pack $build/prompt-tuning.so --out index/prompt-tuning-$build.tar.gz >/dev/null
done
expect 3 'has no index.json; make one' plugin search --index index
expect 0 'lists 4 archives: 4 new, 0 no longer' plugin index index
expect 0 'lists 4 archives: 0 new, 0 no longer' plugin index index
python3 - <<'PYTHON'
import hashlib, json
index = json.load(open("index/index.json"))
assert len(index["plugins"]) == 4
for entry in index["plugins"]:
    data = open(f"index/{entry['archive']}", "rb").read()
    assert entry["size"] == len(data) and entry["sha256"] == hashlib.sha256(data).hexdigest()
    assert entry["signature"] is None and entry["manifest"]["id"] == "prompt-tuning"
PYTHON
expect 2 'no plugin index is configured' plugin search
mkdir blank && cp one.tar.gz 'blank/a b.tar.gz'
expect 3 'rename it' plugin index blank
expect 0 '^prompt-tuning 0.2.0' plugin search --index index
grep -q "also 0.3.0 for ${abi%.*}.$((minor + 1)) linux-x86_64: prompt-tuning-three-next.tar.gz" out
expect 0 'no plugin found' plugin search lora --index index/index.json
CUECARD_PLUGIN_INDEX=index expect 2 'expected absolute folders and https:// addresses' plugin search
CUECARD_PLUGIN_INDEX=$PWD/index expect 0 '"fits":true' plugin search tuning --json
[ "$(wc -l <out)" -eq 4 ]

# Installing: a file, and by name the newest that fits; a newer one that doesn't is named.
expect 0 "is installed in $place/prompt-tuning; it is not signed" plugin install one.tar.gz
grep -q "It is used instead of $library" err
[ "$(stat -c %a "$place/prompt-tuning" "$place/prompt-tuning/prompt-tuning.so" | tr '\n' ' ')" = '755 644 ' ]
expect 0 'is installed already' plugin install one.tar.gz
expect 0 '1 more is not used' plugin list
if grep -q shadowed out; then echo 'a shadowed plugin is listed without --all'; exit 1; fi
expect 0 'shadowed by' plugin list --all
expect 0 '1 more is not used' plugin list --json
expect 0 "$place/prompt-tuning/prompt-tuning.so \(user\)" plugin info prompt-tuning
expect 0 'prompt-tuning 0.1.0: ok, not signed' plugin verify
expect 0 'replaces 0.1.0' plugin install prompt-tuning --index index
grep -q "newer version, which doesn't fit: prompt-tuning-three-next.tar.gz was built for LibTorch 2.$((minor + 1)); this host runs 2.$minor" err
cmp two/prompt-tuning.so "$place/prompt-tuning/prompt-tuning.so"

# Downgrades, and other bytes of the same version.
expect 4 'prompt-tuning 0.1.0, older than the installed 0.2.0; use --downgrade' plugin install one.tar.gz
expect 4 'older than the installed 0.2.0' plugin install prompt-tuning --version 0.1.0 --index index
expect 0 'replaces 0.2.0' plugin install prompt-tuning --version 0.1.0 --index index --downgrade
echo changed >>README.md
cuecard plugin pack one/prompt-tuning.so --out other-one.tar.gz >/dev/null
expect 4 'with other bytes than the installed one of the same version' plugin install other-one.tar.gz
expect 0 'replaces 0.1.0' plugin upgrade --index index
expect 0 '0.2.0 is the newest that fits' plugin upgrade prompt-tuning --index index
expect 2 'no plugin "lora" was installed from an archive' plugin upgrade lora --index index

# Refusals name the build that fits, and where it is.
expect 4 "prompt-tuning-two-old.tar.gz was built for LibTorch 2.$((minor - 1)).*prompt-tuning 0.2.0 fits: .*/index/prompt-tuning-two.tar.gz; run .cuecard plugin install prompt-tuning --index" plugin install index/prompt-tuning-two-old.tar.gz
cp index/prompt-tuning-three-next.tar.gz .
expect 4 'No configured index could have another build' plugin install prompt-tuning-three-next.tar.gz
expect 4 'prompt-tuning 0.2.0 fits: index/prompt-tuning-two.tar.gz' plugin install prompt-tuning-three-next.tar.gz --index index
mkdir others && cp index/*three-next* others && cuecard plugin index others >/dev/null
expect 4 "has no build that fits, but 0.3.0 for ${abi%.*}.$((minor + 1))" plugin install others/prompt-tuning-three-next.tar.gz
expect 4 "three-next.tar.gz was built for LibTorch 2.$((minor + 1)).* others has 0.3.0 for" plugin install prompt-tuning --index others
expect 2 'has no plugin prompt-tunin. Did you mean "prompt-tuning"' plugin install prompt-tunin --index index
expect 2 'has no plugin prompt-tuning 7.0.0. It has 0.1.0 for' plugin install prompt-tuning --version 7.0.0 --index index
expect 3 'there is no such file' plugin install ./no-such.tar.gz

# An archive that isn't what the index lists, a replaced one, and one that is gone.
cp -r index replaced
cp other-one.tar.gz replaced/prompt-tuning-one.tar.gz
expect 3 'is not the archive that the index lists' plugin install prompt-tuning --version 0.1.0 --index replaced --dir elsewhere
expect 3 'was replaced: .*Who has installed it must get the same bytes again' plugin index replaced
cmp replaced/index.json index/index.json
cp index/prompt-tuning-one.tar.gz replaced/prompt-tuning-copy.tar.gz
expect 3 'are both prompt-tuning 0.1.0' plugin index replaced
rm replaced/prompt-tuning-copy.tar.gz replaced/prompt-tuning-one.tar.gz
expect 3 'is in the index, and there is no such file' plugin install prompt-tuning --version 0.1.0 --index replaced --dir elsewhere
expect 0 'lists 3 archives: 0 new, 1 no longer' plugin index replaced
[ -z "$(find elsewhere -type f)" ]
head -c 100 index/index.json >replaced/index.json
expect 3 'It is damaged itself' plugin index replaced

# The conformance kit lists its cases, and one that is about no component of the plugin is an error.
expect 0 '^verbalizer-calibration  verbalizer ' plugin check --list
expect 2 'none of the cases of --only is about a component' plugin check "$library" --only verbalizer

# Other places.
expect 2 'two places' plugin install one.tar.gz --system --dir elsewhere
expect 0 "elsewhere/$abi/prompt-tuning; it" plugin install one.tar.gz --dir elsewhere
grep -q 'name it with --plugin-path .*/elsewhere or' err
cuecard plugin list --plugin-path elsewhere --json | sed -n 1p | grep "elsewhere/$abi/prompt-tuning/prompt-tuning.so" >/dev/null
expect 3 'was not installed from an archive and would be found beside it' plugin install one.tar.gz --system
python3 - "$place" <<'PYTHON'
import fcntl, subprocess, sys
with open(sys.argv[1] + "/.lock", "w") as lock: # as another installation holds it
    fcntl.flock(lock, fcntl.LOCK_EX)
    done = subprocess.run(["cuecard", "plugin", "install", "one.tar.gz", "--downgrade"], capture_output=True, text=True)
    assert done.returncode == 3 and "another run is using this plugin folder" in done.stderr, done
PYTHON

(umask 000 && expect 0 'is installed in' plugin install one.tar.gz --dir loose)
[ -z "$(find loose/$abi -perm /022)" ]
(umask 077 && expect 0 'is installed in' plugin install one.tar.gz --dir tight)
[ "$(stat -c %a tight/$abi/prompt-tuning/prompt-tuning.so)" = 644 ]

# Changed files are found, and reinstalling repairs them.
cp two/prompt-tuning.so kept
echo >>"$place/prompt-tuning/prompt-tuning.so"
expect 4 'plugins can.t be used as they are' plugin verify
grep -q 'prompt-tuning 0.2.0: .*prompt-tuning.so was changed' out
# `plugin list` says so, too, also where the size is the old one.
expect 0 'prompt-tuning +0.2.0 .* rejected: .*prompt-tuning.so was changed: its SHA-256' plugin list --all
cp kept "$place/prompt-tuning/prompt-tuning.so"
expect 0 '^prompt-tuning +0.2.0 .* ok$' plugin list
python3 - "$place/prompt-tuning/prompt-tuning.so" <<'PYTHON'
import os, sys
with open(sys.argv[1], "r+b") as file:
    file.seek(-1, os.SEEK_END)
    last = file.read(1)
    file.seek(-1, os.SEEK_END)
    file.write(bytes([last[0] ^ 1]))
PYTHON
expect 0 'prompt-tuning.so was changed' plugin list --all --json
expect 0 '1 more is not used|2 more are not used' plugin list
grep -q '^prompt-tuning +0.2.0 .* ok$' -E out && exit 1
cp kept "$place/prompt-tuning/prompt-tuning.so"
echo >>"$place/prompt-tuning/README.md"
expect 0 'README.md was changed' plugin list --all
expect 0 'It was installed again' plugin install prompt-tuning --index index
expect 0 '^trusted: any plugin$' plugin verify
touch "$place/prompt-tuning/more"
expect 4 'can.t be used' plugin verify prompt-tuning
grep -q 'more is not a file of this plugin' out
rm "$place/prompt-tuning/more"
cuecard plugin verify --json | python3 -c '
import json, sys
lines = [json.loads(line) for line in sys.stdin]
assert all(line["ok"] and line["key"] is None and not line["problem"] for line in lines) and len(lines) == 2'

# None of this loads LibTorch or libcurl, and only these commands load libarchive.
LD_DEBUG=files cuecard plugin install one.tar.gz --dir elsewhere >out 2>err
grep -q 'file=libarchive' out err
if grep -qE 'file=[^ ]*(libtorch|libc10|libcurl|libcuecard\.so)' out err; then echo 'plugin install loads more than it needs'; exit 1; fi
LD_DEBUG=files cuecard plugin list >out 2>err
if grep -qE 'file=[^ ]*(libarchive|libcuecard)' out err; then echo 'plugin list loads more than it needs'; exit 1; fi

# Removing.
expect 2 'no plugin "prompt-tunin" was installed from an archive .*Did you mean' plugin remove prompt-tunin
expect 0 'prompt-tuning 0.2.0 was removed' plugin remove prompt-tuning
[ -z "$(find "$place" -mindepth 1)" ]
expect 2 'not installed from an archive; remove it' plugin remove prompt-tuning --system
expect 2 'no plugin "prompt-tuning"' plugin remove prompt-tuning

# For all users: into the prefix, where the program finds it.
rm "$library" "${library%.so}.json"
expect 0 "is installed in $PLUGINS/prompt-tuning" plugin install one.tar.gz --system
[ ! -s err ]
expect 0 'prompt-tuning.so \(installed\)' plugin info prompt-tuning
expect 0 'replaces 0.1.0' plugin upgrade --system --index index
expect 0 'was removed' plugin remove prompt-tuning --system
expect 0 'no plugins found' plugin list
