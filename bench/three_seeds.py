"""The gain of a trained card over the best manual prompt, and the best place for its virtual tokens: once per seed.

Each seed runs the demo, which draws its own training, dev and held-out examples, chooses among the manual prompts and trains a card
whose virtual tokens precede the text. Then a second card with as many virtual tokens after the text is trained on the same examples:
there the keys and values of the text are computed once and cached.

    python bench/three_seeds.py [--seeds 1 2 3]          (./run bench runs it too)
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import program
import texts

INSTRUCTION = "Is this movie review positive or negative? Read it with care and answer in one word, negative or positive."
DEMO = texts.PROJECT / "examples" / "sentiment" / "demo"


def after_the_text(cuecard: program.Cuecard, model: Path, folder: Path, seed: int) -> tuple[dict, dict]:
    """Training and held-out results of a card whose virtual tokens are between the text and the question."""
    task = json.loads((folder / "soft-prompt.task.json").read_text())
    soft = json.dumps({"soft": " " + INSTRUCTION})
    task |= {"name": "after", "template": 'Review: {"placeholder": "text"}' + soft + '\nSentiment:{"mask"}'}
    path = folder / "after.task.json"
    path.write_text(json.dumps(task, indent=1) + "\n")
    card = folder / "after.card"
    training = cuecard.train(path, model, card, "prompt-tuning", seed=seed, epochs=6, evaluate_every=16).last
    return training, cuecard.evaluate(card, model, folder / "held-out.jsonl", path).last


def measure(cuecard: Path, model: Path, home: Path, threads: int, seeds=(1, 2, 3)) -> None:
    print("\ntrained card against the best manual prompt, on the same held-out examples")
    gains, places = [], {"before": [], "after": []}
    for seed in seeds:
        command = [DEMO, "--json", "--seed", seed, "--threads", threads, "--program", cuecard, "--model", model, "--folder", home / f"seed-{seed}"]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        result = json.loads(done.stdout)
        manual, soft = result["manual"], result["soft"]
        gains.append(100 * (soft["accuracy"] - manual["accuracy"]))
        print(f"  seed {seed}: manual {100 * manual['accuracy']:.1f}% ({manual['card']}), card {100 * soft['accuracy']:.1f}%, "
              f"gain {gains[-1]:+.1f} points (McNemar p = {soft['versus']['p_value']:.2g}); {result['training']['seconds']:.0f} s to train, "
              f"{result['seconds']:.0f} s in all", flush=True)
        training, after = after_the_text(program.Cuecard(cuecard, threads), model, home / f"seed-{seed}", seed)
        places["before"].append((100 * soft["accuracy"], result["training"]["seconds"], result["training"]["tokens_forwarded"]))
        places["after"].append((100 * after["accuracy"], training["seconds"], training["tokens_forwarded"]))
        print(f"          virtual tokens after the text instead: {100 * after['accuracy']:.1f}%, {training['seconds']:.0f} s to train, "
              f"{training['tokens_forwarded']:,} tokens forwarded against {result['training']['tokens_forwarded']:,}", flush=True)
    print(f"  mean gain {statistics.mean(gains):+.1f} points (target: at least 3), minimum {min(gains):+.1f}, maximum {max(gains):+.1f}")
    for place, runs in places.items():
        accuracy, seconds, tokens = (statistics.mean(column) for column in zip(*runs))
        print(f"  virtual tokens {place} the text: mean {accuracy:.1f}%, {seconds:.0f} s to train, {tokens:,.0f} tokens forwarded")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--program", type=Path, default=program.DEFAULT)
    parser.add_argument("--model", type=Path)
    arguments = parser.parse_args()
    home = texts.PROJECT / ".cache" / "bench"
    home.mkdir(parents=True, exist_ok=True)
    model = arguments.model or program.Cuecard(arguments.program, arguments.threads).converted_model(home)
    measure(arguments.program, model, home, arguments.threads, arguments.seeds)


if __name__ == "__main__":
    main()
