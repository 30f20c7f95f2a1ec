"""Matrices as the file has them (`--dtype stored`) against float32: speed of training, evaluation and generation, and memory.

Both forms of one file alternate within a round, and ratios are taken round by round.
"""

import statistics
from pathlib import Path

import program
from measured import ratios, run, spread


def files_of(bench) -> dict[str, Path]:
    half = bench.home / "SmolLM2-bfloat16"
    if not half.exists():
        run([bench.cuecard.path, "model", "convert", program.GGUF, half, "--dtype", "bfloat16"])
    return {"Q4_1 (GGUF)": program.GGUF, "bfloat16 (folder)": half}


def size_of(model: Path) -> int:
    return (model if model.is_file() else model / "model.safetensors").stat().st_size


class Work:
    """What is timed, with one file: each returns the run and its speed."""

    def __init__(self, bench, model: Path, template: str):
        self.bench, self.model, self.template = bench, model, template
        self.card = bench.home / "stored-manual.card"
        bench.cuecard.train(bench.task[bench.train], model, self.card, "manual")

    def train(self, dtype: str):
        result = self.bench.cuecard.train(
            self.bench.task[self.bench.train], self.model, self.bench.home / f"stored-{dtype}.card", "prompt-tuning", options={"length": 20},
            steps=self.bench.steps, lr=0.02, batch_size=16, dtype=dtype)
        return result, result.last["examples_per_second"]

    def evaluate(self, dtype: str):
        rows = self.bench.cuecard.rows_of(self.card, self.model, self.bench.held_out, self.bench.task[self.bench.train])
        result = run([self.bench.cuecard.path, "eval", *rows, "--dtype", dtype])
        return result, result.last["examples_per_second"]

    def generate(self, dtype: str, at_once: int, prompts: int):
        rows = self.bench.home / f"held-out-{prompts}.jsonl"
        rows.write_text("".join(self.bench.held_out.read_text().splitlines(keepends=True)[:prompts]))
        result = run([self.bench.cuecard.path, "generate", "--model", self.model, "--data", rows, "--template", self.template,
                      "--column", "text=text", "--column", "label=label", "--max-new-tokens", 32, "--min-new-tokens", 32,
                      "--batch-size", at_once, "--threads", self.bench.threads, "--dtype", dtype, "--json", "--quiet"])
        return result, 32 * sum("texts" in line for line in result.lines) / result.last["summary"]["seconds"]


def measure(bench, template: str) -> None:
    print("\nmatrices as the file has them")
    for name, model in files_of(bench).items():
        megabytes = size_of(model) / 2**20
        work = Work(bench, model, template)
        print(f"{name}, {megabytes:.0f} MB; float32, then stored (minimum / median / maximum)")
        losses = {}
        for what, once in (
            ("training, examples/s", work.train),
            ("evaluation, examples/s", work.evaluate),
            ("generation, 64 at once, tokens/s", lambda dtype: work.generate(dtype, 64, 64)),
            ("generation, one at a time, tokens/s", lambda dtype: work.generate(dtype, 1, 4)),
        ):
            speeds, memory = {"float32": [], "stored": []}, {"float32": [], "stored": []}
            for _ in range(bench.rounds):
                for dtype, kept in speeds.items():
                    result, speed = once(dtype)
                    kept.append(speed)
                    memory[dtype].append(result.megabytes)
                    if once == work.train:
                        losses[dtype] = result.last["losses"]
            held = {dtype: statistics.median(values) for dtype, values in memory.items()}
            print(f"  {what:<36} {spread(speeds['float32']):<24} {held['float32']:6.0f} MB   {spread(speeds['stored']):<24} "
                  f"{held['stored']:6.0f} MB   stored is {spread(ratios(speeds['stored'], speeds['float32']))} times as fast")
        bench.report(f"{name}, losses of a training", losses["stored"], losses["float32"], 1e-3)
