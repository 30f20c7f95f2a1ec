"""Training alone and beside one busy process (a loop on one thread), with all threads and with one; part of bench/run.py.

What is lost should be no more than the share of the processor that the loop takes: with as many threads as cores a core is shared.
"""

import os
import subprocess
import sys
import time

from measured import spread


LOOP = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"  # ends with the benchmark, even if that is killed


class Loop:
    """A process that computes until the `with` block ends. Afterwards `cores` is how many processors' worth of time it had."""

    def __enter__(self):
        self.begin = time.perf_counter()
        self.process = subprocess.Popen([sys.executable, "-c", LOOP])
        return self

    def __exit__(self, *_):
        self.process.kill()
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = -9
        self.cores = (usage.ru_utime + usage.ru_stime) / (time.perf_counter() - self.begin)


def measure(bench) -> None:
    cores = len(os.sched_getaffinity(0))
    print(f"\ntraining beside one busy process, {cores} cores, examples/s (minimum / median / maximum)")
    for threads in sorted({bench.threads, 1}, reverse=True):
        alone, beside, taken = [], [], []
        for _ in range(bench.rounds):
            alone.append(trained(bench, threads))
            with Loop() as loop:
                beside.append(trained(bench, threads))
            taken.append(100 * loop.cores / cores)
        lost = [100 * (1 - b / a) for a, b in zip(alone, beside)]
        print(f"  {threads} thread{'s' if threads > 1 else ' '}: alone {spread(alone)}, beside it {spread(beside)}; lost {spread(lost, 0)} %, "
              f"where the loop took {spread(taken, 0)} % of the processor")


def trained(bench, threads: int) -> float:
    usual, bench.cuecard.threads = bench.cuecard.threads, threads
    try:
        return bench.soft_prompt(bench.train, bench.steps, "busy.card").last["examples_per_second"]
    finally:
        bench.cuecard.threads = usual
