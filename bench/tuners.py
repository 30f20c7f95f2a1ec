"""Trained methods against peft. Called by run.py: `./run bench --only methods`, and `after-text`, `prefix-generation`, `autoprompt`.

Both start from the same values where peft can load ours (keys and values of a card); then four losses must be equal.
Reparametrisation networks are initialised separately; the tests compare them with peft's.
"""

import json
import re
import sys
from pathlib import Path

import program
from measured import ratios, run

PREFIX = 20
# (title, tuner, our options, peft's method, whether both start from the same values)
METHODS = [
    ("prefix-tuning, reparametrised by a network", "prefix-tuning", {"length": PREFIX}, "prefix", False),
    ("prefix-tuning without the network", "prefix-tuning", {"length": PREFIX, "projection": "false"}, "prefix", True),
    ("p-tuning, encoded by an LSTM", "p-tuning", {"length": PREFIX}, "p-tuning", False),
    ("p-tuning-v2, a classifier's head", "p-tuning-v2",
     {"length": PREFIX, "dropout": 0, "verbalizer.dropout": 0, "verbalizer.bias": "false"}, "head", True),
]
STEPS = {"batch_size": 16, "schedule": "constant", "warmup": 0, "clip": 0, "optimizer": "adamw"}


class Methods:
    def __init__(self, bench, template: str, words: list[str], peers: list):
        self.bench, self.template, self.words, self.peers = bench, template, words, peers
        self.home, self.model, self.cuecard = bench.home, bench.model, bench.cuecard
        self.rounds, self.steps, self.threads = bench.rounds, bench.steps, bench.threads

    def task(self, data: Path, template: str, method: str, name: str) -> Path:
        more = {"verbalizer": {"component": "head"}} if method == "head" else {}
        return program.write_task(self.home / (name + ".task.json"), data, template, self.words, **more)

    def ours(self, data: Path, tuner: str, options: dict, method: str, steps: int, out: str, lr: float = 0.001, **more):
        task = self.task(data, self.template, method, out)
        return self.cuecard.train(task, self.model, self.home / (out + ".card"), tuner, options={"weight-decay": 0.01, **options},
                                  steps=steps, lr=lr, **STEPS, **more)

    def theirs(self, data: Path, method: str, steps: int, *more):
        return run([*self.peers, "train", "--model", self.model, "--data", data, "--template", self.template, "--words",
                    *self.words, "--threads", self.threads, "--method", method, "--virtual-tokens", PREFIX, "--lr", 0.001,
                    "--steps", steps, *more])

    def training(self) -> None:
        for title, tuner, options, method, same in METHODS:
            start = []
            if same:  # a card after one step that changes nothing; both continue from it, with all 16 examples in every step
                self.ours(self.bench.few, tuner, options, method, 1, "start", lr=1e-12)
                start = ["--start", self.home / "start.card" / "card.safetensors"]
                ours = self.ours(self.bench.few, tuner, options, method, 4, "tuner-few", **{"from": self.home / "start.card"}).last["losses"]
                theirs = self.theirs(self.bench.few, method, 4, "--warm-up", 0, "--padding", "right", *start).last["losses"]
                self.bench.report(f"{title}, loss of 4 AdamW steps", ours, theirs, 1e-3)
            speeds, memory = ([], []), ([], [])
            for _ in range(self.rounds):
                for i, result in enumerate((self.ours(self.bench.train, tuner, options, method, self.steps, "speed"),
                                            self.theirs(self.bench.train, method, self.steps, *start))):
                    speeds[i].append(result.last["examples_per_second"])
                    memory[i].append(result.megabytes)
            print(f"\n{title}: training, batch 16, {PREFIX} virtual tokens, examples per second")
            self.bench.table([("cuecard", speeds[0], None, memory[0]),
                              ("peft, logits of the last position only", speeds[1], ratios(*speeds), memory[1])])

    def after_the_text(self) -> None:
        """Virtual tokens between text and question: from the second epoch on, the text is not forwarded."""
        after = self.template.replace("{text}", '{text}{"soft": None, "duplicate": 20}')
        ours, theirs, memory, rows = [], [], ([], []), []
        per_epoch = 256 // 16
        for _ in range(self.rounds):
            runs = [self.cuecard.train(self.task(self.bench.train, after, "prompt", "after"), self.model, self.home / "after.card",
                                       "prompt-tuning", steps=epochs * per_epoch, lr=0.02, **STEPS) for epochs in (1, 3)]
            ours.append(2 * 256 / (runs[1].last["seconds"] - runs[0].last["seconds"]))
            rows = [each.last["tokens_forwarded"] for each in runs]
            memory[0].append(runs[1].megabytes)
            result = self.theirs(self.bench.train, "prompt", per_epoch)
            theirs.append(result.last["examples_per_second"])
            memory[1].append(result.megabytes)
        print(f"\n20 virtual tokens after the text, from the second epoch on, examples per second; tokens forwarded in the first "
              f"epoch {rows[0]:,}, in each further one {(rows[1] - rows[0]) // 2:,}")
        self.bench.table([("cuecard", ours, None, memory[0]),
                          ("peft, 20 virtual tokens before the text", theirs, ratios(ours, theirs), memory[1])])

    def generation(self) -> None:
        """64 texts after a trained prefix, which peft loads from our export."""
        card, adapter = self.home / "tuner-few.card", self.home / "adapter"
        self.ours(self.bench.few, "prefix-tuning", {"length": PREFIX, "projection": "false", "init": "text"}, "prefix", 4, "tuner-few")
        run(["rm", "-rf", adapter])
        run([self.cuecard.path, "card", "export", card, adapter, "--model", self.model, "--drop-template", "--quiet"])
        self.bench.generation(card=card, adapter=adapter)

    def autoprompt(self) -> None:
        iterations, slots = 4, 5
        template = self.template.replace("{text}", '{text}{"trigger": None, "duplicate": %d}' % slots)
        peer = [sys.executable, "-B", Path(__file__).with_name("autoprompt_peer.py"), "--model", self.model, "--template",
                self.template.replace("{text}", "{text}{trigger}"), "--words", *self.words, "--threads", self.threads]

        def ours(data: Path):
            return self.cuecard.train(self.task(data, template, "autoprompt", "trigger"), self.model, self.home / "trigger.card",
                                      "autoprompt", batch_size=16, steps=iterations,
                                      options={"accumulation": 1, "candidates": 10, "filter": "false", "init": "the"})

        loss = ours(self.bench.few).last["losses"][-1]
        source = json.loads((self.home / "trigger.card/card.json").read_text())["template"]["source"]
        found = [json.loads(token) for token in re.findall(r'"trigger": ("(?:[^"\\]|\\.)*")', source)]
        theirs = run([*peer, "--data", self.bench.few, "--iterations", 0, "--trigger", *found]).last["loss"]
        self.bench.report("autoprompt, loss under the trigger that was found", [loss], [theirs], 1e-3)
        speeds, memory = ([], []), ([], [])
        for _ in range(self.rounds):
            result = ours(self.bench.train)
            speeds[0].append(iterations / result.last["seconds"])
            memory[0].append(result.megabytes)
            result = run([*peer, "--data", self.bench.train, "--iterations", iterations, "--trigger", *["Ġthe"] * slots])
            speeds[1].append(iterations / result.last["seconds"])
            memory[1].append(result.megabytes)
        print(f"\nautoprompt, {slots} tokens after the text, 10 candidates on a batch of 16, iterations per second")
        self.bench.table([("cuecard", speeds[0], None, memory[0]),
                          ("its algorithm in transformers, one candidate at a time", speeds[1], ratios(*speeds), memory[1])])


def measure(bench, template: str, words: list[str], peers: list, parts: list[str]) -> None:
    methods = Methods(bench, template, words, peers)
    for part in parts:
        getattr(methods, part)()
