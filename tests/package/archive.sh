#!/usr/bin/env bash
# archive.sh SOURCE FOLDER: the packed archive runs from where it is unpacked, with the libraries inside and those of the system alone.
set -euo pipefail
source=$1 folder="$2/a place"
command -v patchelf >/dev/null || { echo "SKIPPED: patchelf is not there; \`./run package\` installs it"; exit 77; }
rm -rf "$2"
mkdir -p "$folder"
cd "$folder"
python3 -B "$source/setup/package.py" archive --dist "$folder"
tar xzf cuecard-*.tar.gz
rm cuecard-*.tar.gz
prefix=$(echo "$folder"/cuecard-*)
cuecard() {
  env -i HOME="$folder" PATH=/usr/bin:/bin "$prefix/bin/cuecard" "$@"
}

for file in "$prefix/bin/cuecard" "$prefix"/lib/libcuecard*.so; do
  if ldd "$file" | grep -vF "$prefix/" | grep -vE '(/lib|/lib64)/.*(ld-linux|lib(c|m|dl|rt|util|pthread|stdc\+\+|gcc_s)\.so)|linux-vdso'; then
    echo "$file links this, which is not in the archive"
    exit 1
  fi
done
"$source/tests/docs/links" "$prefix/share/doc/cuecard" # every page that a page links is there
# Manual pages and completion, of every command.
[ "$(find "$prefix/share/man/man1" -name '*.1.gz' | wc -l)" -eq "$(($(cuecard help | grep -cE '^  [a-z]') + 1))" ]
zcat "$prefix/share/man/man1/cuecard-plugin-new.1.gz" | grep '^\.SH SYNOPSIS' >/dev/null
diff <(cuecard completion bash) "$prefix/share/bash-completion/completions/cuecard"
diff <(cuecard completion zsh) "$prefix/share/zsh/site-functions/_cuecard"

. "$source/tests/package/colour_task.sh"
model=$source/tests/golden/models/llama-tied
cuecard train --task task.json --model "$model" --tuner prompt-tuning --steps 20 --quiet --out red.card >/dev/null
cuecard predict --model "$model" --card red.card --quiet "I saw a red pear" | grep '"label"'
env -i HOME="$folder" PATH=/usr/bin:/bin PYTHONPATH="$prefix/lib/python" python3 -B -c "
import cuecard
assert cuecard.Model('$model', ['red.card']).predict('I saw a red pear')[0].label
"
rm -rf "$2"
