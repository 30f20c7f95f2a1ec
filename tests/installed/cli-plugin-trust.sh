# requires: prompt-tuning
# Keys, signatures and policies: a user's, an administrator's, and one that is locked.
export HOME=$PWD/home
unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME CUECARD_PLUGIN_PATH CUECARD_PLUGIN_INDEX
mkdir -p home/.config/cuecard "$PREFIX/etc/cuecard"
user=$HOME/.config/cuecard/plugin-trust.json administrator=$PREFIX/etc/cuecard/plugin-trust.json
umask 022
expect() { # CODE PATTERN WORDS...
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard "$@" >out 2>err || status=$?
  { [ $status -eq $code ] && grep -qE -- "$pattern" out err; } || { echo "cuecard $*: exit code $status, expected $code, \"$pattern\""; cat out err; exit 1; }
}
cp "$SOURCE/LICENSE" LICENSE
echo 'A tuner.' >README.md
expect 0 'keep it to yourself' plugin key new ada.pem
ada=$(tail -n 1 out)
[ "$(stat -c %a ada.pem)" = 600 ] && [ "$(cuecard plugin key show ada.pem)" = "$ada" ]
expect 2 'already exists' plugin key new ada.pem
cuecard plugin key new eve.pem >/dev/null
eve=$(cuecard plugin key show eve.pem)
ada_shown=${ada//+/\\+} eve_shown=${eve//+/\\+} # in a pattern
echo 'no key' >text && chmod 600 text
expect 3 'is not an Ed25519 private key' plugin pack "$PLUGINS/prompt-tuning.so" --out no.tar.gz --key text
cp ada.pem open.pem && chmod 644 open.pem
expect 3 'others can read this private key' plugin pack "$PLUGINS/prompt-tuning.so" --out no.tar.gz --key open.pem

for version in 0.1.0 0.2.0; do
  python3 -m plugin_archives variant "$PLUGINS/prompt-tuning.so" $version $version
  cuecard plugin pack $version/prompt-tuning.so --out unsigned-$version.tar.gz >/dev/null
  for author in ada eve; do
    cuecard plugin pack $version/prompt-tuning.so --out $author-$version.tar.gz --key $author.pem | grep 'signed by the key' >/dev/null
  done
done
# OpenSSL's own program agrees.
if command -v openssl >/dev/null; then
  mkdir signed && tar xzf ada-0.1.0.tar.gz -C signed
  python3 -c 'import base64, json; open("signature", "wb").write(base64.b64decode(json.load(open("signed/SIGNATURE"))["signature"]))'
  openssl pkey -in ada.pem -pubout -out ada.pub
  openssl pkeyutl -verify -pubin -inkey ada.pub -rawin -in signed/CONTENTS -sigfile signature >/dev/null
fi

# An unsigned copy gets the signature of the same files. What has lost its CONTENTS is told, and can be removed.
expect 0 'it is not signed' plugin install unsigned-0.2.0.tar.gz --dir taken
expect 0 "signed by the key $ada_shown" plugin install ada-0.2.0.tar.gz --dir taken
if grep -q 'installed already' out; then cat out; exit 1; fi
expect 0 "prompt-tuning 0.2.0: ok, signed by the key $ada_shown" plugin verify --plugin-path taken
rm taken/*/prompt-tuning/CONTENTS
expect 4 'CONTENTS is missing' plugin verify --plugin-path taken
expect 4 'cuecard plugin remove prompt-tuning' plugin install ada-0.2.0.tar.gz --dir taken
expect 0 'was removed' plugin remove prompt-tuning --dir taken
# A policy that can't be used is told by doctor.
echo '{"trust": "signd"}' >"$user"
cuecard doctor --json >doctor.json || true # the tree has no backbone here, which is an error, too
grep -q 'no installed plugin is trusted' doctor.json
rm "$user"

# Signed by a listed key.
echo "{\"trust\": \"signed\", \"keys\": [\"$ada\"]}" >"$user"
expect 4 "^cuecard: unsigned-0.1.0.tar.gz is not trusted: its archive is not signed, and $user" plugin install unsigned-0.1.0.tar.gz
expect 4 "signed by the key $eve_shown, which $user does not list" plugin install eve-0.1.0.tar.gz
expect 0 "signed by the key $ada_shown" plugin install ada-0.1.0.tar.gz
expect 0 "prompt-tuning 0.1.0: ok, signed by the key $ada_shown" plugin verify
grep -q "trusted: signed by a listed key, says $user" out
# A plugin that was trusted is no longer; those that came with the program are.
echo "{\"trust\": \"signed\", \"keys\": [\"$eve\"]}" >"$user"
expect 0 'rejected: .* is not trusted: .*signed by the key' plugin list --all
expect 4 'of 2 plugins' plugin verify
# Files put into a folder by hand are judged as well.
mkdir -p by-hand && cp 0.2.0/* by-hand && chmod -R go-w by-hand
expect 0 'by-hand/prompt-tuning.so is not trusted: it is not signed' plugin list --all --plugin-path by-hand
hash=$(sha256sum <by-hand/prompt-tuning.so | cut -d ' ' -f 1)
echo "{\"trust\": \"listed\", \"hashes\": [\"$hash\"]}" >"$user"
expect 0 'prompt-tuning +0.2.0 ' plugin list --plugin-path by-hand

# Another author's archive does not take the place of a signed one, whatever is trusted.
rm "$user"
expect 4 "is signed by the key $eve_shown; the installed prompt-tuning 0.1.0 is signed by the key $ada_shown.*cuecard plugin remove prompt-tuning" plugin install eve-0.2.0.tar.gz
expect 4 "is not signed; the installed prompt-tuning 0.1.0 is signed by" plugin install unsigned-0.2.0.tar.gz
expect 0 'replaces 0.1.0' plugin install ada-0.2.0.tar.gz

# A signed index: who made it is checked before anything in it is used, and an old one is not taken for the last.
seen=$HOME/.local/state/cuecard/plugin-indexes.json
mkdir index && cp ada-0.1.0.tar.gz index
expect 0 'lists 1 archive: 1 new, 0 no longer there; not signed' plugin index index
expect 0 '^prompt-tuning 0.1.0' plugin search --index index
[ ! -e "$seen" ] && [ ! -e index/index.json.sig ]
cp -r index unsigned
expect 0 "lists 1 archive: 0 new, 0 no longer there; signed by the key $ada_shown" plugin index index --key ada.pem
cp -r index old
expect 0 '^prompt-tuning 0.1.0' plugin search --index index
expect 0 '0 new, 0 no longer there; signed' plugin index index --key ada.pem
cmp index/index.json old/index.json && cmp index/index.json.sig old/index.json.sig # nothing new, no new time
expect 2 'the index is signed; sign it again with --key' plugin index index
cp ada-0.2.0.tar.gz index
expect 0 'lists 2 archives: 1 new' plugin index index --key ada.pem
expect 0 "is installed in .*; it is signed by the key $ada_shown" plugin install prompt-tuning --index index --dir from-index
expect 0 'is the newest that fits' plugin upgrade --index index --dir from-index
if command -v openssl >/dev/null; then
  python3 -c 'import base64, json; open("signature", "wb").write(base64.b64decode(json.load(open("index/index.json.sig"))["signature"]))'
  openssl pkeyutl -verify -pubin -inkey ada.pub -rawin -in index/index.json -sigfile signature >/dev/null
fi
refused_everywhere() { # CODE PATTERN
  expect "$1" "$2" plugin search --index index
  expect "$1" "$2" plugin install prompt-tuning --index index --dir nothing
  expect "$1" "$2" plugin upgrade --index index --dir from-index
  [ ! -e nothing ]
}
cp -r index whole
change() { rm -rf index && cp -r whole index; } # what was changed the last time is undone first
change && sed -i 's/"0.2.0"/"0.1.9"/' index/index.json
refused_everywhere 3 'index.json.sig is not a signature of its index.json'
change && cp old/index.json index # without its own signature
refused_everywhere 3 'index.json.sig is not a signature of its index.json'
change && cp old/index.json* index
refused_everywhere 3 'index/index.json: is older than the one that was read before'
change && rm index/index.json.sig
refused_everywhere 3 "has no signature, and was signed by the key $ada_shown"
change && cuecard plugin index index --key eve.pem >/dev/null
refused_everywhere 3 "is signed by the key $eve_shown, and was signed by the key $ada_shown when it was read before.*$seen"
change && echo '{' >index/index.json.sig
refused_everywhere 3 'index.json.sig: '
change
expect 0 '^prompt-tuning 0.2.0' plugin search --index index
# A policy that wants signatures wants one of the index, by a listed key; then a listed key may follow another.
echo "{\"trust\": \"signed\", \"keys\": [\"$ada\"]}" >"$user"
expect 0 '^prompt-tuning 0.2.0' plugin search --index index
expect 4 "unsigned/index.json is not trusted: it is not signed, and $user requires a signature by a listed key" plugin search --index unsigned
expect 4 'unsigned/index.json is not trusted' plugin install prompt-tuning --index unsigned --dir nothing
cuecard plugin index index --key eve.pem >/dev/null
expect 4 "index/index.json is not trusted: it is signed by the key $eve_shown, which $user does not list" plugin search --index index
echo "{\"trust\": \"signed\", \"keys\": [\"$ada\", \"$eve\"]}" >"$user"
expect 0 '^prompt-tuning 0.2.0' plugin search --index index
rm "$user"
expect 0 '^prompt-tuning 0.2.0' plugin search --index index

# An administrator's policy is a default, until it is locked; then it can only be tightened.
echo "{\"trust\": \"signed\", \"keys\": [\"$eve\"]}" >"$administrator"
expect 4 "which $administrator does not list" plugin install ada-0.2.0.tar.gz
echo '{"trust": "any"}' >"$user"
expect 0 'installed already' plugin install ada-0.2.0.tar.gz
echo "{\"trust\": \"signed\", \"keys\": [\"$eve\"], \"locked\": true}" >"$administrator"
expect 4 "which $administrator \(locked\) does not list" plugin install ada-0.2.0.tar.gz
echo "{\"trust\": \"signed\", \"keys\": [\"$ada\"], \"locked\": true}" >"$administrator"
expect 0 'installed already' plugin install ada-0.2.0.tar.gz
echo '{"trust": "listed", "hashes": []}' >"$user"
expect 4 "is not among the hashes that $user lists" plugin install ada-0.2.0.tar.gz

# A policy that can't be read, or that others can change, trusts nothing.
echo '{"trust": "anything"}' >"$user"
expect 4 'not trusted: .*expected any, listed or signed' plugin install ada-0.2.0.tar.gz
echo '{"trust": "any"}' >"$user" && chmod 666 "$user"
expect 4 'writable by everyone' plugin install ada-0.2.0.tar.gz
chmod 644 "$user"
expect 0 'installed already' plugin install ada-0.2.0.tar.gz
