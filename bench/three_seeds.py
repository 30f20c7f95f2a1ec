"""How much a trained card gains over the best manual prompt: the demo's work with three seeds.

Each seed draws its own 256 training rows and 600 held-out rows of the movie reviews. Three manual prompts, plain and
calibrated, are measured on the training rows; the best of them and the trained card are then measured on the held-out rows.

    python bench/three_seeds.py [--seeds 1 2 3]          (./run bench runs it too)
"""

import argparse
import random
import statistics
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import program
import texts

MANUAL = [
    ("Review: {text}\nOverall, it was", [" terrible", " great"]),
    ("Review: {text}\nSentiment:", [" negative", " positive"]),
    ("{text}\nIn one word, the film is", [" bad", " good"]),
]
SOFT = MANUAL[1]
INIT_TEXT = "Is this movie review positive or negative? Read it with care and answer in one word, negative or positive."
EPOCHS = 6
TRAIN, DEV, HELD_OUT = 256, 64, 600


def measure(cuecard, model: Path, home: Path, seeds=(1, 2, 3)) -> None:
    print(f"\ntrained card against the best manual prompt, {TRAIN} training rows, {HELD_OUT} held-out rows of the movie reviews")
    gains = []
    for seed in seeds:
        rows = random.Random(seed).sample(texts.reviews(), TRAIN + HELD_OUT)
        train = texts.write(rows[:TRAIN], home / f"seed-{seed}.train.jsonl")
        held_out = texts.write(rows[TRAIN:], home / f"seed-{seed}.held-out.jsonl")
        name, card, task = best_manual(cuecard, model, home, train)
        manual = cuecard.evaluate(card, model, held_out, task).last["accuracy"]
        card, task, seconds = soft_card(cuecard, model, home / f"seed-{seed}.card", train, seed)
        soft = cuecard.evaluate(card, model, held_out, task).last["accuracy"]
        gains.append(100 * (soft - manual))
        print(f"  seed {seed}: manual {manual:.3f} ({name}), card {soft:.3f}, gain {gains[-1]:+.1f} points, "
              f"{seconds:.0f} s to train", flush=True)
    print(f"  mean gain {statistics.mean(gains):+.1f} points (aim: at least 3), least {min(gains):+.1f}, largest {max(gains):+.1f}")


def best_manual(cuecard, model: Path, home: Path, train: Path) -> tuple[str, Path, Path]:
    """By accuracy on the training rows; the first of equals."""
    tried = []
    for i, (template, words) in enumerate(MANUAL):
        for calibrate in ("none", "blank"):
            stem = f"manual-{i}-{calibrate}"
            task = program.write_task(home / f"{stem}.task.json", train, template, words,
                                      verbalizer={"options": {"calibrate": calibrate}})
            card = home / f"{stem}.card"
            cuecard.train(task, model, card, "manual")
            accuracy = cuecard.evaluate(card, model, train, task).last["accuracy"]
            tried.append((accuracy, f"{template!r}, calibrate {calibrate}", card, task))
    return max(tried, key=lambda entry: entry[0])[1:]


def soft_card(cuecard, model: Path, card: Path, train: Path, seed: int) -> tuple[Path, Path, float]:
    template, words = SOFT
    task = program.write_task(card.with_suffix(".task.json"), train, template, words,
                              split={"dev": DEV / TRAIN, "seed": seed})
    options = {"length": 20, "init": "text", "init-text": INIT_TEXT}
    result = cuecard.train(task, model, card, "prompt-tuning", seed=seed, options=options, epochs=EPOCHS)
    return card, task, result.last["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--program", type=Path, default=program.DEFAULT)
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    home = texts.PROJECT / ".cache" / "bench"
    home.mkdir(parents=True, exist_ok=True)
    cuecard = program.Cuecard(arguments.program, arguments.threads)
    measure(cuecard, arguments.model or cuecard.converted_model(home), home, arguments.seeds)


if __name__ == "__main__":
    main()
