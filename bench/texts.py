"""Labelled sentences: movie reviews and three other kinds from ./run setup, or SST-2 if ../shared has it."""

import json
import random
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
RATED = PROJECT / ".cache" / "text"
SST2 = PROJECT.parent / "shared" / "data" / "sst2"


def rated(kind: str = "movieReviewSnippets") -> list[dict]:
    """Label: the sign of the mean rating (in [-4, 4]); sentences without a clear one are left out."""
    source = RATED / f"{kind}_GroundTruth.txt"
    if not source.exists():
        raise SystemExit(f"bench: {source} is missing; ./run setup downloads it")
    rows, seen = [], set()
    for line in source.read_text(encoding="latin-1").splitlines():
        _, rating, text = line.split("\t", 2)
        text = " ".join(text.split())
        if abs(float(rating)) >= 0.5 and text.lower() not in seen:
            seen.add(text.lower())
            rows.append({"text": text, "label": int(float(rating) > 0)})
    return rows


def sst2(part: str) -> list[dict]:
    rows = [line.rsplit("\t", 1) for line in (SST2 / f"{part}.tsv").read_text(encoding="utf-8").splitlines()]
    return [{"text": text.strip(), "label": int(label)} for text, label in rows]


def training_and_held_out(train: int, held_out: int, seed: int) -> tuple[str, list[dict], list[dict]]:
    """Name of the data, and disjoint training and held-out examples."""
    draw = random.Random(seed)
    if (SST2 / "train.tsv").exists():
        return "SST-2", draw.sample(sst2("train"), train), draw.sample(sst2("dev"), held_out)
    rows = draw.sample(rated(), train + held_out)
    return "movie reviews", rows[:train], rows[train:]


def write(rows: list[dict], path: Path) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path
