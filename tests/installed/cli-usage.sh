# The program without its engine: help, version, usage errors and exit codes, and no LibTorch in the process.
expect() { # CODE PATTERN WORDS...: the exit code, and a pattern in what it says; errors are one line on standard error
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard "$@" >out 2>err || status=$?
  [ $status -eq $code ] || { echo "cuecard $*: exit code $status, expected $code"; cat err; exit 1; }
  grep -qE -- "$pattern" out err || { echo "cuecard $*: no \"$pattern\" in:"; cat out err; exit 1; }
  [ $code -eq 0 ] || [ "$(wc -l <err)" -eq 1 ] || { echo "cuecard $*: more than one line:"; cat err; exit 1; }
}

expect 0 'Usage: cuecard COMMAND'
expect 0 'Usage: cuecard COMMAND' --help
expect 0 'Usage: cuecard card SUBCOMMAND' card --help
expect 0 'Usage: cuecard plugin SUBCOMMAND' help plugin
expect 2 '"nope" is not a cuecard command. See `cuecard help`.' help nope
expect 2 'Did you mean "train"' help trian
expect 3 'no-such-card: there is no such folder; expected a card \(a folder with card.json\)\.$' card info no-such-card
echo '{}' >task.json
expect 3 'task.json: is not a card \(a folder with card.json\)\.$' card info task.json
expect 4 'task.json: is not a plugin library' plugin probe task.json
expect 3 'nope.tar.gz: there is no such file\.$' plugin install ./nope.tar.gz
expect 0 '^cuecard [0-9]' version
expect 0 '^cuecard [0-9]' --version
expect 2 'Did you mean "train"' trian
expect 2 'Did you mean --model' eval --modle m
expect 2 'needs a value' eval --model
expect 2 'needs --card' eval --model m
expect 2 'one of list, info, probe, manifest, new' plugin
expect 2 'whole number from 1' predict --card c --model m --threads none
expect 2 'one of float32, bfloat16, float16' predict --card c --model m --dtype float64
expect 2 'unexpected argument' version now
expect 2 'no plugin or component' plugin info no-such-plugin
expect 3 'no-such-card' card info no-such-card
expect 3 'no-such-model' tokenize --model no-such-model
expect 4 'no-such-file' plugin manifest no-such-file.so

# Every command has help with an example.
cuecard help | sed -n 's/^  \([a-z][a-z -]*[a-z]\)   *[^ ].*/\1/p' >verbs
[ "$(wc -l <verbs)" -ge 16 ]
while read -r verb; do
  cuecard $verb --help </dev/null >help
  grep -A1 '^Example:' help | grep "cuecard $verb" >/dev/null || { echo "no example in the help of $verb"; exit 1; }
  cuecard help $verb </dev/null | cmp - help
done <verbs

# The pages that help names are installed.
while read -r verb; do cuecard $verb --help </dev/null; done <verbs | tr '\n' ' ' | tr -s ' ' | grep -oE 'page "[^"]+"' | sort -u >pages
[ "$(wc -l <pages)" -ge 5 ]
while read -r page; do
  title=${page#page \"}
  grep -qxF "# ${title%\"}" "$PREFIX"/share/doc/cuecard/docs/*.md || { echo "no $page is installed"; exit 1; }
done <pages
cuecard completion --help | grep 'One of bash|zsh' >/dev/null

# None of this loads LibTorch: the mapped files of the process are read while it waits to write into a full pipe. At its
# end the loader lists the libraries that it opened.
python3 <<'PYTHON'
import fcntl, os, subprocess, time

def full_pipe():
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        fcntl.fcntl(writer, fcntl.F_SETFL, 0)
    return reader, writer

def files_mapped(words):
    reader, writer = full_pipe()
    child = subprocess.Popen(["cuecard", *words.split()], stdin=subprocess.DEVNULL, stdout=writer, stderr=writer)
    os.close(writer)
    seen, asleep = set(), 0
    while asleep < 20: # nothing but the pipe makes it sleep that long
        with open(f"/proc/{child.pid}/stat") as file:
            state = file.read().rsplit(")", 1)[1].split()[0]
        assert state != "Z", f"cuecard {words} ended without a word"
        asleep = asleep + 1 if state == "S" else 0
        with open(f"/proc/{child.pid}/maps") as file:
            seen |= {os.path.basename(line.split(None, 5)[5].strip()) for line in file if "/" in line}
        time.sleep(0.005)
    os.close(reader)
    child.wait()
    assert any(name.startswith("libc.so") for name in seen), seen
    return {name for name in seen if name.startswith(("libtorch", "libc10", "libcuecard"))}

for words in "--help", "version", "plugin list", "train --help", "plugin info manual", "eval --modle", "completion bash":
    assert files_mapped(words) == set(), (words, files_mapped(words))
assert {"libtorch_cpu.so", "libc10.so"} <= files_mapped("tokenize --model no-such-model"), "and this does"
PYTHON
for words in --help 'plugin list' 'eval --modle'; do
  LD_DEBUG=files cuecard $words >out 2>err || true
  grep -q 'file=libc.so' out err # the loader did speak
  if grep -qE 'file=[^ ]*(libtorch|libc10|libcuecard)' out err; then echo "cuecard $words loads LibTorch"; exit 1; fi
done

cuecard version --json | python3 -c 'import json, sys; v = json.load(sys.stdin); assert v["plugin_abi"] and v["libtorch"]'
cuecard plugin list --json | python3 -c '
import json, sys
for line in sys.stdin:
    plugin = json.loads(line)
    assert plugin["usable"] and plugin["components"], line'

# Completion of commands, flags and choices.
source <(cuecard completion bash)
complete_words() { COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=(); _cuecard; echo "${COMPREPLY[*]}"; }
[ "$(complete_words cuecard tr)" = train ]
[ "$(complete_words cuecard plugin '')" = 'list info probe manifest new check pack key index search install upgrade remove verify' ]
[ "$(complete_words cuecard eval --dty)" = --dtype ]
[ "$(complete_words cuecard eval --dtype bf)" = bfloat16 ]
[ "$(complete_words cuecard plugin install --ver)" = --version ]
[ "$(complete_words cuecard model convert --dtype fl)" = 'float32 float16' ]
# The same in zsh, whose functions for it only tell here what they were asked to show.
if command -v zsh >/dev/null; then
  cuecard completion zsh >_cuecard
  cat >complete.zsh <<'ZSH'
compdef() { : }
_describe() { print -r -- $1: ${(P)2} }
_arguments() { print -rl -- "$@" }
_files() { print -r -- files }
source ./_cuecard
words=("$@") CURRENT=$#
_cuecard
ZSH
  zsh -f complete.zsh cuecard tr | grep '^command: .*train:train ' >/dev/null
  zsh -f complete.zsh cuecard plugin '' | grep '^command: .*probe:' >/dev/null
  zsh -f complete.zsh cuecard eval --dtype bf | grep '^--dtype\[.*\]:.*:(.*bfloat16.*)$' >/dev/null
  zsh -f complete.zsh cuecard model convert a.gguf '' | grep '^--dtype\[' >/dev/null
  zsh -f complete.zsh cuecard model convert a.gguf '' | grep ':_files$' >/dev/null
else
  echo 'NOTE: zsh is not there, so its completion was not tried'
fi

# A manual page of every command that man's formatter takes without a word.
if command -v groff >/dev/null; then
  cuecard help | sed -nE 's/^  ([a-z]+( [a-z]+)?)  .*/\1/p' >commands
  while read -r command; do
    cuecard man $command >page.1
    groff -ww -man -Tascii page.1 2>warnings >page.txt
    if [ -s warnings ]; then echo "man $command"; cat warnings; exit 1; fi
  done <commands
  cuecard man eval >page.1
  groff -man -Tascii -P-c page.1 | sed 's/.\x08//g' | grep -- '--dtype' >/dev/null
  cuecard man | groff -ww -man -Tascii | grep 'cuecard' >/dev/null
fi
status=0
cuecard man evol 2>err || status=$?
[ $status -eq 2 ] && grep -q 'Did you mean "eval"' err

# A full disk is an error.
status=0
cuecard help >/dev/full 2>err || status=$?
[ $status -eq 1 ] && grep -q 'standard output' err
