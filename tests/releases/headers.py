"""A release's headers in one file, as `tail -n +1 FILE...` prints them: each after a line `==> cuecard/tuner.hpp <==`.

    tests/releases/headers.py sdk/include >tests/releases/0.3/headers.txt
"""

import re
import sys
from pathlib import Path


def packed(include: Path) -> str:
    """All headers below a folder but those of cuecard/testing, which no promise covers."""
    files = sorted(file for file in include.rglob("*.h*") if "testing" not in file.parts)
    return "\n".join(f"==> {file.relative_to(include)} <==\n{file.read_text()}" for file in files)


def unpack(bundle: Path, include: Path) -> None:
    before, *parts = re.split(r"^==> (cuecard/[\w/]+\.h(?:pp)?) <==\n", bundle.read_text(), flags=re.M)
    assert not before and parts, f"{bundle} does not begin with the name of a header"
    last = len(parts) - 2
    for at in range(0, len(parts), 2):
        target = include / parts[at]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(parts[at + 1] if at == last else parts[at + 1].removesuffix("\n"))


if __name__ == "__main__":
    sys.stdout.write(packed(Path(sys.argv[1])))
