"""Makes odd_files.json: tokenizer.json files that look unlike published ones (odd_files.py), as bases and what is changed in
them, and what the `tokenizers` package makes of a few texts. compare_odd_files.py compares many more.

    python tests/golden/tokenizer/make_odd_files.py
"""

import json
import re

from compare_odd_files import theirs, without_any_specials
from make_tokenizer_golden import HERE
from odd_files import TEXTS, bases, changed, loaded, systematic

# One or two bases show what a setting does.
CHOSEN = re.compile(
    r"wordpiece/(normalizer-(bert|strip|prepend|replace|nested|Nmt|ByteLevel)|words-(digits|punct|split|regex|delim|scripts|fixed)|decoder-(bpe|ctc|word|strip|replace)"
    r"|around|added|unk_token|cont|max|without-version|truncation|model-without-type)"
    r"|words/(unk|added-far|model-without-type|words-bert)"
    r"|bpe/(dropout|merges-(as|twice)|model-without-type|unk-else|suffix|prefix|gaps|shared|only|words-split-maybe)"
    r"|marked/(dropout-0\.0|without-version|byte_fallback|whole)"
    r"|bytes/(dropout-0\.0|merges-as|unk-else|words-(byte|scripts)|added-taken|suffix)"
    r"|spaces/(dropout-0|words-metaspace|prefix)"
    r"|unigram/(other|twice|whole|empty|bytes|some|ties|words-metaspace-whole)"
)
LEFT_OUT = re.compile("empty-sequence")


def rows(tokenizer, plain, usual, decodes):
    """For the two shortest texts that the base treats otherwise, where there are such."""
    found = []
    for text in sorted(TEXTS, key=len)[1:]:
        for special in (False, True):
            row = theirs(tokenizer, plain, text, special)
            if row is not None and row["ids"]:
                base = theirs(*usual, text, special)
                found.append(((row["ids"], row["text"]) == (base["ids"], base["text"]), len(found), text, special, row))
    for _, _, text, special, row in sorted(found, key=lambda one: one[:2])[:2]:
        decoded = {"decoded": row["text"]} if decodes and row["text"] is not None else {}
        yield {"text": text, "special": special, "ids": row["ids"]} | decoded


def main():
    made = bases()
    usual = {name: (loaded(json.dumps(base))[0], without_any_specials(json.dumps(base))) for name, base in made.items()}
    files = []
    for name, base, set_, without in systematic():
        if not CHOSEN.match(name) or LEFT_OUT.search(name):
            continue
        text = json.dumps(changed(made[base], set_, without))
        tokenizer, _ = loaded(text)
        if tokenizer is None:
            continue
        inside, around = (tokenizer.encode("film", add_special_tokens=add).ids for add in (False, True)) if "unk_token-<absent>" not in name else ([], [])
        found = list(rows(tokenizer, without_any_specials(text), usual[base], "shared-ids" not in name))
        file = {"name": name, "base": base, "set": set_, "without": without, "rows": found}
        if inside != around:
            at = next(at for at in range(len(around)) if around[at : at + len(inside)] == inside)
            file |= {"prefix": around[:at], "suffix": around[at + len(inside) :]}
        files.append(file)
    golden = json.dumps({"bases": made, "files": files}, separators=(",", ":"))
    (HERE / "odd_files.json").write_text(golden + "\n")


if __name__ == "__main__":
    main()
