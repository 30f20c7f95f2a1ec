"""The machine that is measured: what its processor has, and what one large product of float32 matrices reaches on the threads of this run.
The second is the limit that the speed of work is a share of; it is measured anew for each round, since other load changes it.

    limit.py --threads N       that product in PyTorch, with MKL; a process of its own
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

from measured import run, spread
from operations import Shape, Work, operations

SIZE = 1536  # as in the program's own check
SECONDS = 1.5


class Machine:
    def __init__(self, cuecard):
        self.cuecard = cuecard
        self.speeds = {"oneDNN": [], "MKL": []}  # operations per second, by round

    def diagnosis(self) -> dict:
        """What `cuecard doctor` says with these threads. Its speed is that of the library that computes the models, oneDNN."""
        return run(["env", f"OMP_NUM_THREADS={self.cuecard.threads}", self.cuecard.path, "doctor", "--json"]).last

    def described(self) -> str:
        found = self.diagnosis()
        return f"{found['processor']}, which has {', '.join(found['instructions']) or 'no instructions that speed up products'}"

    def measure(self) -> float:
        """Operations per second, of the faster library."""
        self.speeds["oneDNN"].append(self.diagnosis()["speed"]["product"])
        self.speeds["MKL"].append(run([sys.executable, "-B", __file__, "--threads", self.cuecard.threads]).last["product"])
        return max(speeds[-1] for speeds in self.speeds.values())

    def better(self) -> str:
        return max(self.speeds, key=lambda name: statistics.median(self.speeds[name]))


class Share:
    """Of the limit: what a part of the benchmark reached, round by round."""

    def __init__(self, machine: Machine, model: Path):
        self.machine, self.shape = machine, Shape.of(model)
        self.limits, self.reached = [], []

    def add(self, work: Work, seconds: float) -> None:
        self.limits.append(self.machine.measure())
        self.reached.append(operations(self.shape, work) / seconds)

    def show(self) -> None:
        shares = [100 * reached / limit for reached, limit in zip(self.reached, self.limits)]
        print(f"  cuecard's products: {spread([each / 1e9 for each in self.reached], 0)} GFLOP/s, {spread(shares, 0)} % of the "
              f"{spread([each / 1e9 for each in self.limits], 0)} that a large one reaches ({self.machine.better()})")


def product() -> float:
    import torch

    left, right = torch.rand(SIZE, SIZE), torch.rand(SIZE, SIZE)
    best, start = 0.0, time.perf_counter()
    with torch.inference_mode():
        torch.nn.functional.linear(left, right)  # the first one prepares
        while time.perf_counter() - start < SECONDS:
            begin = time.perf_counter()
            torch.nn.functional.linear(left, right)
            best = max(best, 2 * SIZE**3 / (time.perf_counter() - begin))
    return best


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, required=True)
    os.environ["OMP_NUM_THREADS"] = str(parser.parse_args().threads)  # before PyTorch is loaded
    print(json.dumps({"product": product()}))
