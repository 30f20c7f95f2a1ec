"""How much a trained card gains over the best manual prompt: the demo, once per seed.

Each seed draws its own training, dev and held-out rows, chooses among the manual prompts and trains its own card.

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

DEMO = texts.PROJECT / "examples" / "sentiment" / "demo"


def measure(cuecard: Path, model: Path, home: Path, threads: int, seeds=(1, 2, 3)) -> None:
    print("\ntrained card against the best manual prompt, on the same held-out rows")
    gains = []
    for seed in seeds:
        command = [DEMO, "--json", "--seed", seed, "--threads", threads, "--program", cuecard, "--model", model, "--folder", home / f"seed-{seed}"]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
        result = json.loads(done.stdout)
        manual, soft = result["manual"], result["soft"]
        gains.append(100 * (soft["accuracy"] - manual["accuracy"]))
        print(f"  seed {seed}: manual {100 * manual['accuracy']:.1f}% ({manual['card']}), card {100 * soft['accuracy']:.1f}%, "
              f"gain {gains[-1]:+.1f} points (McNemar p = {soft['versus']['p_value']:.2g}); {result['training']['seconds']:.0f} s to train, "
              f"{result['seconds']:.0f} s in all", flush=True)
    print(f"  mean gain {statistics.mean(gains):+.1f} points (aim: at least 3), least {min(gains):+.1f}, largest {max(gains):+.1f}")


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
