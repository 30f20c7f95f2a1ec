"""Movie-review sentences with human ratings become a sentiment data set.

The sentences are those of the vaderSentiment package (Hutto & Gilbert 2014): `id<TAB>mean rating in [-4, 4]<TAB>text`.
The label is the sign of the rating; ratings within half a point of zero are neutral and left out.
"""

import json
import random
from pathlib import Path

NEUTRAL = 0.5


def read(path: Path) -> list[dict]:
    """Labelled sentences, each once, in the file's order."""
    rows, seen = [], set()
    for line in path.read_text(encoding="latin-1").splitlines():
        _, rating, text = line.split("\t", 2)
        text = " ".join(text.split())
        if abs(float(rating)) >= NEUTRAL and text.casefold() not in seen:
            seen.add(text.casefold())
            rows.append({"text": text, "label": "positive" if float(rating) > 0 else "negative"})
    return rows


def split(rows: list[dict], sizes: dict[str, int], folder: Path, seed: int) -> dict[str, Path]:
    """Parts of the given sizes, drawn by seed, no sentence in two, written as JSON lines."""
    drawn = random.Random(seed).sample(rows, sum(sizes.values()))
    files = {}
    for name, size in sizes.items():
        part, drawn = drawn[:size], drawn[size:]
        files[name] = folder / f"{name}.jsonl"
        files[name].write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in part), encoding="utf-8")
    return files
