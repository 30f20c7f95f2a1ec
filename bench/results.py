"""Results of the methods on public data with small models: `./run results`.

Each line of a table is one `cuecard compare` of one method; in the part `shared-prefix`, a seed is several training runs. Two lines
run at a time with one thread each, which on two cores is faster than one line after another. Results are kept under .cache/results,
so that the script continues where it was stopped; `--again` discards those of the requested parts.

    ./run results [--only PART ...] [--data DIR] [--list]
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import partial
from pathlib import Path

sys.dont_write_bytecode = True

import program
import shared_prefix
from measured import run
from result_tasks import PARTS, Part

SHARED_PREFIX = "shared-prefix"
NAMES = [*PARTS, SHARED_PREFIX]
HOME = program.PROJECT / ".cache" / "results"
DATA = program.PROJECT.parent / "shared" / "data"
MINILM = program.PROJECT / ".cache" / "models" / "minilm"


class Results:
    def __init__(self, arguments):
        self.cuecard = program.Cuecard(arguments.program, arguments.threads)
        self.data = arguments.data
        HOME.mkdir(parents=True, exist_ok=True)
        self.models = {"SmolLM2": None, "MiniLM": MINILM}

    def model(self, name: str) -> Path:
        if self.models[name] is None:
            self.models[name] = self.cuecard.converted_model(HOME)
        return self.models[name]

    def lines(self, name: str) -> dict[str, Callable[[], dict]]:
        """The function that runs each line of a part. Writes the files of the part."""
        folder = HOME / name
        folder.mkdir(exist_ok=True)
        if name == SHARED_PREFIX:
            return {f"seed-{seed}": partial(self.one_seed, folder, seed) for seed in (1, 2, 3)}
        part = PARTS[name]
        self.model(part.model)  # converted before lines run concurrently
        (folder / "task.json").write_text(json.dumps(part.task(self.data, folder), indent=1) + "\n")
        return {line: partial(self.compared, folder, part, *part.lines[line]) for line in part.lines}

    def compared(self, folder: Path, part: Part, tuner: str, flags: list[str]) -> dict:
        """The result of one method."""
        command = [self.cuecard.path, "compare", "--task", folder / "task.json", "--model", self.model(part.model), "--tuners", tuner,
                   "--threads", self.cuecard.threads, "--json", "--quiet", *part.flags, *flags]
        return {**run(command).last, "command": self.shown(command)}

    def one_seed(self, folder: Path, seed: int) -> dict:
        commands = []

        def call(words: list) -> dict:
            command = [self.cuecard.path, *words, "--model", MINILM, "--threads", self.cuecard.threads, "--json", "--quiet"]
            commands.append(self.shown(command))
            return run(command).last

        own = folder / f"of-{seed}"
        own.mkdir(exist_ok=True)
        return {"ways": shared_prefix.measure(call, own, seed), "commands": commands}

    def shown(self, command: list) -> str:
        """The command with paths as in a reader's checkout."""
        text = shlex.join(str(part) for part in command[1:])
        for path, name in ((HOME, "RESULTS"), (MINILM.parent, "MODELS")):
            text = text.replace(str(path), name)
        return "cuecard " + text


def place_of(name: str, line: str) -> Path:
    return HOME / name / (line + ".json")


def measure(name: str, line: str, work: Callable[[], dict]) -> None:
    start = time.time()
    answer = work()
    answer["wall_seconds"] = round(time.time() - start)
    beside = place_of(name, line).with_suffix(".writing")
    beside.write_text(json.dumps(answer) + "\n")
    beside.rename(place_of(name, line))
    print(f"{name}, {line}: {answer['wall_seconds']} s", file=sys.stderr, flush=True)


def measure_all(results: Results, names: list[str], again: bool, jobs: int) -> list[str]:
    """Returns the failures."""
    failures = []
    with ThreadPoolExecutor(jobs) as pool:
        running = {}
        for name in names:
            for line, work in results.lines(name).items():
                if again:
                    place_of(name, line).unlink(missing_ok=True)
                if not place_of(name, line).exists():
                    running[pool.submit(measure, name, line, work)] = f"{name}, {line}"
        for done in as_completed(running):
            if error := done.exception():
                failures.append(f"{running[done]}: {error}")
                print(failures[-1], file=sys.stderr, flush=True)
    return failures


def print_table(name: str) -> None:
    part = PARTS[name]
    print(f"\n## {part.title}\n\n{part.about}\n")
    titles = ["method", part.metric, *part.also, "over seeds", "trained parameters", "seconds to train"]
    print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|")
    commands = []
    for line in part.lines:
        if not place_of(name, line).exists():
            continue
        answer = json.loads(place_of(name, line).read_text())
        spread = "" if answer["std"] is None else f"± {100 * answer['std']:.1f}"
        values = ", ".join(f"{100 * seed['value']:.1f}" for seed in answer["seeds"])
        also = "".join(f" {100 * answer['by_metric'][key]:.1f} |" for key in part.also.values())  # of the seed that is kept
        print(f"| {line} | {100 * answer['mean']:.1f}% |{also} {values} {spread} | {answer['parameters']:,} "
              f"| {answer['seconds']:.0f} |")
        commands.append(answer["command"])
    print("\n" + "\n".join("    " + command for command in commands))


def print_shared_prefix() -> None:
    print(f"\n## {shared_prefix.TITLE}\n\n{shared_prefix.ABOUT}\n")
    seeds = [json.loads(path.read_text()) for path in sorted((HOME / SHARED_PREFIX).glob("seed-?.json"))]
    if len(seeds) == 3:
        print(shared_prefix.table([seed["ways"] for seed in seeds]))
        print("\n" + "\n".join("    " + command for command in seeds[0]["commands"] if " train " in command))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="PART", help="these parts")
    parser.add_argument("--again", action="store_true", help="discard earlier results")
    parser.add_argument("--list", action="store_true", help="list the parts and exit")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with sst2, agnews, fewglue, conll2003, e2e, lama_trex")
    parser.add_argument("--jobs", type=int, default=2, help="lines that are measured at once (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=1, help="of each line (default: %(default)s)")
    parser.add_argument("--program", type=Path, default=program.DEFAULT)
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(NAMES))
        return
    if not arguments.data.is_dir():
        sys.exit(f"results: there is no folder {arguments.data}; --data says where the data sets are")
    names = arguments.only or NAMES
    failures = measure_all(Results(arguments), names, arguments.again, arguments.jobs)
    for name in names:
        print_shared_prefix() if name == SHARED_PREFIX else print_table(name)
    if failures:
        sys.exit("results: not measured: " + "; ".join(failures))


if __name__ == "__main__":
    main()
