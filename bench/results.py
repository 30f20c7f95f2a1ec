"""What the methods reach on public data with small models: `./run results`.

Each line of a table is one `cuecard compare` of one method; of the part `shared-prefix`, several trainings. Its answer is kept
under .cache/results, so that the script goes on where it was stopped; `--again` forgets what it has of the parts that are asked
for.

    ./run results [--only PART ...] [--data DIR] [--list]
"""

import argparse
import json
import shlex
import sys
import time
from collections.abc import Callable
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
        self.data, self.again = arguments.data, arguments.again
        HOME.mkdir(parents=True, exist_ok=True)
        self.models = {"SmolLM2": None, "MiniLM": MINILM}

    def model(self, name: str) -> Path:
        if self.models[name] is None:
            self.models[name] = self.cuecard.converted_model(HOME)
        return self.models[name]

    def folder(self, name: str) -> Path:
        folder = HOME / name
        folder.mkdir(exist_ok=True)
        return folder

    def kept(self, path: Path, measure: Callable[[], dict]) -> dict:
        """What was measured before, or is now."""
        if path.exists() and not self.again:
            return json.loads(path.read_text())
        answer = measure()
        beside = path.with_suffix(".writing")
        beside.write_text(json.dumps(answer) + "\n")
        beside.rename(path)
        return answer

    def compared(self, folder: Path, part: Part, tuner: str, flags: list[str]) -> dict:
        """Of one method."""
        task = folder / "task.json"
        task.write_text(json.dumps(part.task(self.data, folder), indent=1) + "\n")
        command = [self.cuecard.path, "compare", "--task", task, "--model", self.model(part.model), "--tuners", tuner,
                   "--threads", self.cuecard.threads, "--json", "--quiet", *part.flags, *flags]
        start = time.time()
        result = run(command)
        return {**result.last, "wall_seconds": round(time.time() - start), "command": self.shown(command)}

    def shown(self, command: list) -> str:
        """The command with the paths that a reader has."""
        text = shlex.join(str(part) for part in command[1:])
        for path, name in ((HOME, "RESULTS"), (MINILM.parent, "MODELS")):
            text = text.replace(str(path), name)
        return "cuecard " + text

    def table(self, name: str, part: Part) -> None:
        print(f"\n## {part.title}\n\n{part.about}\n")
        titles = ["method", part.metric, *part.also, "over seeds", "learned numbers", "seconds to train"]
        print("| " + " | ".join(titles) + " |\n" + "|---" * len(titles) + "|", flush=True)
        commands = []
        folder = self.folder(name)
        for line, (tuner, flags) in part.lines.items():
            answer = self.kept(folder / (line + ".json"), lambda: self.compared(folder, part, tuner, flags))
            spread = "" if answer["std"] is None else f"± {100 * answer['std']:.1f}"
            values = ", ".join(f"{100 * seed['value']:.1f}" for seed in answer["seeds"])
            also = "".join(f" {100 * answer['by_metric'][key]:.1f} |" for key in part.also.values())
            print(f"| {line} | {100 * answer['mean']:.1f}% |{also} {values} {spread} | {answer['parameters']:,} "
                  f"| {answer['seconds']:.0f} |", flush=True)
            commands.append(answer["command"])
        print("\n" + "\n".join("    " + command for command in commands), flush=True)

    def shared_prefix(self, name: str) -> None:
        print(f"\n## {shared_prefix.TITLE}\n\n{shared_prefix.ABOUT}\n", flush=True)
        folder, commands = self.folder(name), []

        def call(words: list) -> dict:
            command = [self.cuecard.path, *words, "--model", MINILM, "--threads", self.cuecard.threads, "--json", "--quiet"]
            commands.append(self.shown(command))
            return run(command).last

        def measure(seed: int) -> dict:
            commands.clear()
            return {"ways": shared_prefix.measure(call, folder, seed), "commands": list(commands)}

        seeds = [self.kept(folder / f"seed-{seed}.json", lambda: measure(seed)) for seed in (1, 2, 3)]
        print(shared_prefix.table([seed["ways"] for seed in seeds]))
        print("\n" + "\n".join("    " + command for command in seeds[0]["commands"] if " train " in command), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="PART", help="these parts")
    parser.add_argument("--again", action="store_true", help="forget what was measured before")
    parser.add_argument("--list", action="store_true", help="name the parts and stop")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with sst2, agnews, fewglue, conll2003, e2e, lama_trex")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--program", type=Path, default=program.DEFAULT)
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(NAMES))
        return
    if not arguments.data.is_dir():
        sys.exit(f"results: there is no folder {arguments.data}; --data says where the data sets are")
    results = Results(arguments)
    for name in arguments.only or NAMES:
        if name == SHARED_PREFIX:
            results.shared_prefix(name)
        else:
            results.table(name, PARTS[name])


if __name__ == "__main__":
    main()
