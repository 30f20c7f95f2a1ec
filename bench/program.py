"""Calls our program by its command line."""

import json
from pathlib import Path

from measured import Run, run
from operations import Prompts

PROJECT = Path(__file__).resolve().parents[1]
DEFAULT = PROJECT / "build" / "release" / "bin" / "cuecard"
GGUF = PROJECT / ".cache" / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"


def write_task(path: Path, train: Path, prompt: str, words: list[str], **more) -> Path:
    """Labels are named after their words. `prompt` contains `{text}`; the answer slot is appended."""
    path.write_text(json.dumps({
        "data": {"train": str(train), "fields": {"text": "text"}, "label": "label"},
        "labels": [{"name": word.strip(), "words": [word.strip()], "values": [i]} for i, word in enumerate(words)],
        "template": prompt + '{"mask"}',
        **more,
    }, indent=1) + "\n")
    return path


class Cuecard:
    def __init__(self, path: Path, threads: int):
        self.path, self.threads = path, threads

    def converted_model(self, folder: Path) -> Path:
        model = folder / "SmolLM2-135M-Instruct"
        if not (model / "model.safetensors").exists():
            run([self.path, "model", "convert", GGUF, model])
        return model

    def train(self, task: Path, model: Path, card: Path, tuner: str, seed: int = 1, options: dict | None = None, **flags) -> Run:
        command = [self.path, "train", "--task", task, "--model", model, "--tuner", tuner, "--out", card,
                   "--threads", self.threads, "--seed", seed, "--json", "--quiet"]
        for name, value in flags.items():
            command += ["--" + name.replace("_", "-"), value]
        for name, value in (options or {}).items():
            command += ["--set", f"{name}={value}"]
        return run(command)

    def evaluate(self, card: Path, model: Path, data: Path, task: Path) -> Run:
        return run([self.path, "eval", *self.rows_of(card, model, data, task)])

    def predict_command(self, card: Path, model: Path, data: Path, task: Path) -> list:
        return [self.path, "predict", *self.rows_of(card, model, data, task)]

    def rows_of(self, card: Path, model: Path, data: Path, task: Path) -> list:
        return ["--card", card, "--model", model, "--data", data, "--task", task, "--threads", self.threads, "--json", "--quiet"]

    def predict(self, card: Path, model: Path, data: Path, task: Path, label: str) -> list[float]:
        """The probability of the label for each row."""
        lines = [line for line in run(self.predict_command(card, model, data, task)).lines if "scores" in line]
        return [line["scores"][label] for line in sorted(lines, key=lambda line: line["row"])]

    def rendered(self, model: Path, data: Path, *how) -> list[list[int]]:
        """The token ids of each row's prompt; `how` is `--card CARD` or `--template TEXT`. Virtual tokens have the id 0."""
        lines = run([self.path, "render", "--model", model, "--data", data, *how, "--column", "text=text", "--column", "label=label",
                     "--json", "--quiet"]).lines
        return [line["ids"] for line in lines if "ids" in line]

    def prompts(self, model: Path, data: Path, causal: bool, *how) -> Prompts:
        return Prompts.of(self.rendered(model, data, *how), causal)

    def tokens_of(self, text: str, model: Path) -> list[int]:
        return run([self.path, "tokenize", "--model", model, text]).last
