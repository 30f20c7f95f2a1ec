"""Compares our program with its peers on the same work, alternating in one run: `./run bench`.

First checks that both compute the same, then prints ratios with their spread (minimum / median / maximum over the rounds).
No time is asserted; a difference in results is an error.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import program
import texts
from limit import Machine, Share
from measured import largest_difference, ratios, run, spread

PEERS = [sys.executable, "-B", Path(__file__).with_name("peers.py")]
TEMPLATE = "Review: {text}\nSentiment:"
WORDS = [" negative", " positive"]
INIT_TEXT = "Is this movie review positive or negative? Read it with care and answer in one word, negative or positive."
VIRTUAL_TOKENS = 20


class Bench:
    def __init__(self, arguments):
        self.rounds, self.steps, self.threads = arguments.rounds, arguments.steps, arguments.threads
        self.cuecard = program.Cuecard(arguments.program, arguments.threads)
        self.home = texts.PROJECT / ".cache" / "bench"
        self.home.mkdir(parents=True, exist_ok=True)
        self.model = arguments.model or self.cuecard.converted_model(self.home)
        name, train, held_out = texts.training_and_held_out(256, arguments.rows, seed=0)
        self.machine = Machine(self.cuecard)
        print(f"processor: {self.machine.described()}")
        print(f"text: {name}, {len(train)} training examples, {len(held_out)} held-out examples; {self.threads} threads; "
              f"load before the start {os.getloadavg()[0]:.1f} (above 0.3 the times mean little)")
        self.train = texts.write(train, self.home / "train.jsonl")
        self.few = texts.write(train[:16], self.home / "train-16.jsonl")
        self.task = {data: program.write_task(data.with_suffix(".task.json"), data, TEMPLATE, WORDS)
                     for data in (self.train, self.few)}
        self.held_out = texts.write(held_out, self.home / "held-out.jsonl")

    def soft_prompt(self, data: Path, steps: int, out: str):
        options = {"length": VIRTUAL_TOKENS, "init": "text", "init-text": INIT_TEXT, "weight-decay": 0.01}
        return self.cuecard.train(self.task[data], self.model, self.home / out, "prompt-tuning", options=options,
                                  steps=steps, lr=0.02, batch_size=16, schedule="constant", warmup=0, clip=0)

    def peer(self, mode: str, data: Path, *more):
        return run([*PEERS, mode, "--model", self.model, "--data", data, "--template", TEMPLATE, "--words", *WORDS,
                    "--threads", self.threads, "--init-text" if mode == "train" else "--batch",
                    INIT_TEXT if mode == "train" else 32, *more])

    def prompts(self, data: Path, *how):
        return self.cuecard.prompts(self.model, data, True, *how)

    # Same results -----------------------------------------------------------------------------------------------------

    def same_results(self) -> None:
        self.cuecard.train(self.task[self.train], self.model, self.home / "manual.card", "manual")
        ours = self.cuecard.predict(self.home / "manual.card", self.model, self.held_out, self.task[self.train], WORDS[1].strip())
        theirs = self.peer("eval", self.held_out).last
        self.report("manual prompt, probability of the second label", ours,
                    [p[1] for p in theirs["probabilities"]], 1e-3)

        # Every step uses all 16 examples, so both have the same batch whatever the order.
        ours = self.soft_prompt(self.few, 4, "few.card").last
        theirs = self.peer("train", self.few, "--padding", "right", "--steps", 4, "--warm-up", 0).last
        self.report("soft prompt, loss of 4 AdamW steps", ours["losses"], theirs["losses"], 1e-3)

        ours = self.cuecard.predict(self.home / "few.card", self.model, self.few, self.task[self.few], WORDS[1].strip())
        theirs = self.peer("eval", self.few, "--padding", "right", "--prompt", self.home / "few.card" / "card.safetensors").last
        self.report("that card, probability of the second label", ours,
                    [p[1] for p in theirs["probabilities"]], 1e-3)

    @staticmethod
    def report(what: str, ours: list, theirs: list, allowed: float) -> None:
        difference = largest_difference(ours, theirs)
        print(f"same results: {what}: largest difference {difference:.1e}")
        if difference > allowed:
            sys.exit(f"bench: {what} differs by {difference:.3g} from the peer's, more than {allowed:g}; times would mean nothing")

    # Speed ------------------------------------------------------------------------------------------------------------

    def training(self) -> None:
        ours, careful, plain, memory, share = [], [], [], ([], [], []), Share(self.machine, self.model)
        for _ in range(self.rounds):
            for kept, into, run_once in (
                (ours, memory[0], lambda: self.soft_prompt(self.train, self.steps, "soft.card")),
                (careful, memory[1], lambda: self.peer("train", self.train, "--steps", self.steps)),
                (plain, memory[2], lambda: self.peer("train", self.train, "--keep", "all", "--steps", 3, "--warm-up", 1)),
            ):
                result = run_once()
                kept.append(result.last["examples_per_second"])
                into.append(result.megabytes)
                if kept is ours:
                    prompts = self.prompts(self.train, "--card", self.home / "soft.card")
                    share.add(prompts.work(result.last, 16 * self.steps, prefixes=self.steps, trained=True), result.last["seconds"])
        print("\nsoft-prompt training, batch 16, 20 virtual tokens, float32, examples per second (minimum / median / maximum)")
        self.table([
            ("cuecard", ours, None, memory[0]),
            ("peft, logits of the last position only", careful, ratios(ours, careful), memory[1]),
            ("peft, as in its examples (logits of all positions)", plain, ratios(ours, plain), memory[2]),
        ])
        share.show()

    def evaluation(self) -> None:
        ours, dynamic, sorted_, memory, share = [], [], [], ([], [], []), Share(self.machine, self.model)
        prompts = self.prompts(self.held_out, "--card", self.home / "manual.card")
        for _ in range(self.rounds):
            for kept, into, run_once in (
                (ours, memory[0], lambda: self.cuecard.evaluate(self.home / "manual.card", self.model, self.held_out, self.task[self.train])),
                (dynamic, memory[1], lambda: self.peer("eval", self.held_out)),
                (sorted_, memory[2], lambda: self.peer("eval", self.held_out, "--sort")),
            ):
                result = run_once()
                kept.append(result.last["examples_per_second"])
                into.append(result.megabytes)
                if kept is ours:
                    share.add(prompts.work(result.last, len(prompts.lengths)), result.last["seconds"])
        print("\nevaluation of a manual prompt, float32, examples per second (minimum / median / maximum)")
        self.table([
            ("cuecard", ours, None, memory[0]),
            ("transformers, batch 32, dynamic padding", dynamic, ratios(ours, dynamic), memory[1]),
            ("transformers, the same, texts sorted by length", sorted_, ratios(ours, sorted_), memory[2]),
        ])
        share.show()

    def encoding(self) -> None:
        """MiniLM with a classification head, texts of mixed lengths, batch 64."""
        minilm = texts.PROJECT / ".cache/models/minilm"
        card, few = self.home / "encoder.card", self.home / "encoder.task.json"
        program.write_task(few, self.few, "{text}", WORDS, verbalizer={"component": "head"}, template="{text}")
        self.cuecard.train(few, minilm, card, "manual", steps=8, lr=0.01)
        label = WORDS[1].strip()
        peer = ["classify", "--model", minilm, "--data", self.held_out, "--template", "{text}", "--threads", self.threads,
                "--head", card / "card.safetensors", "--batch", 64]
        theirs_first = run([*PEERS, *peer]).last
        self.report("encoder with a head, probability of the second label",
                    self.cuecard.predict(card, minilm, self.held_out, few, label),
                    [p[1] for p in theirs_first["probabilities"]], 1e-4)
        ours, theirs, memory, share = [], [], ([], []), Share(self.machine, minilm)
        prompts = self.cuecard.prompts(minilm, self.held_out, False, "--card", card)
        for _ in range(self.rounds):
            result = run([self.cuecard.path, "eval", *self.cuecard.rows_of(card, minilm, self.held_out, few), "--batch-size", 64])
            ours.append(result.last["examples_per_second"])
            memory[0].append(result.megabytes)
            share.add(prompts.work(result.last, len(prompts.lengths)), result.last["seconds"])
            result = run([*PEERS, *peer])
            theirs.append(result.last["examples_per_second"])
            memory[1].append(result.megabytes)
        print("\nclassification by an encoder (MiniLM), batch 64, float32, examples per second (minimum / median / maximum)")
        self.table([
            ("cuecard", ours, None, memory[0]),
            ("transformers, dynamic padding", theirs, ratios(ours, theirs), memory[1]),
        ])
        share.show()

    def tokenizing(self) -> None:
        import tokenizing

        # No Unigram model is downloaded; a small tokenizer of the tests is used instead.
        unigram = self.home / "unigram"
        unigram.mkdir(exist_ok=True)
        (unigram / "config.json").write_text('{"model_type": "t5"}\n')
        (unigram / "tokenizer.json").write_bytes((texts.PROJECT / "tests/golden/tokenizer/t5.json").read_bytes())
        tokenizing.measure(self.cuecard.path, {
            "WordPiece (MiniLM)": texts.PROJECT / ".cache/models/minilm",
            "byte-level BPE (SmolLM2)": self.model,
            "Unigram (T5's kind, 300 pieces)": unigram,
        }, self.rounds)

    def answering(self) -> None:
        """Start-up: a command without a model, and the first prediction of a new process."""
        one = texts.write([{"text": "a warm and funny film", "label": 1}], self.home / "one.jsonl")
        help_, first = [], []
        for _ in range(max(5, self.rounds)):
            help_.append(1000 * run([self.cuecard.path, "--help"]).seconds)
            first.append(run(self.cuecard.predict_command(self.home / "few.card", self.model, one, self.task[self.few])).seconds)
        print("\nstart-up (minimum / median / maximum)")
        print(f"  cuecard --help                      {spread(help_, 0)} ms")
        print(f"  cuecard predict, one row, and exit  {spread(first)} s")

    def generation(self, card: Path | None = None, adapter: Path | None = None) -> None:
        """64 prompts of unequal length, 32 new tokens for each, including the pass over the prompts. `card` and `adapter`: a
        trained prefix in the format of each side."""
        data = self.home / "held-out-64.jsonl"
        data.write_text("".join(self.held_out.read_text().splitlines(keepends=True)[:64]))
        ours, theirs, memory, same, share = [], [], ([], []), [], Share(self.machine, self.model)
        how = ["--card", card] if card else ["--template", TEMPLATE]
        prompts = self.prompts(data, *how)
        for _ in range(self.rounds):
            result = run([self.cuecard.path, "generate", "--model", self.model, "--data", data,
                          *how, "--column", "text=text", "--column", "label=label", "--max-new-tokens", 32, "--min-new-tokens", 32,
                          "--batch-size", 64, "--threads", self.threads, "--json", "--quiet"])
            counted = result.last["summary"]
            ours.append(len(prompts.lengths) * 32 / counted["seconds"])
            memory[0].append(result.megabytes)
            share.add(prompts.generated(counted, share.shape.vocabulary), counted["seconds"])
            peer = run([*PEERS, "generate", "--model", self.model, "--data", data, "--template", TEMPLATE, "--batch", 64,
                        "--threads", self.threads, "--new-tokens", 32, *(["--adapter", adapter] if adapter else [])])
            theirs.append(peer.last["tokens_per_second"])
            memory[1].append(peer.megabytes)
            written = [line["texts"][0]["text"] for line in result.lines if "texts" in line]
            same.append(sum(a == b for a, b in zip(written, peer.last["texts"], strict=True)))
        prefix = "after a trained prefix of 20 virtual tokens, " if card else ""
        print(f"\ngreedy generation, {prefix}{len(prompts.lengths)} prompts at once, 32 tokens each, float32, tokens per second (minimum / median / maximum); "
              f"{min(same)} of {len(prompts.lengths)} texts are equal")
        self.table([
            ("cuecard", ours, None, memory[0]),
            (("peft" if card else "transformers") + ", batch 64, padded on the left", theirs, ratios(ours, theirs), memory[1]),
        ])
        share.show()

    @staticmethod
    def table(rows) -> None:
        for name, speed, ratio, megabytes in rows:
            beside = f"ours is {spread(ratio)} times as fast" if ratio else ""
            print(f"  {name:<50} {spread(speed):<22} {statistics.median(megabytes):6.0f} MB  {beside}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12, help="training steps of a round (default: 12)")
    parser.add_argument("--rows", type=int, default=600, help="held-out examples (default: 600)")
    parser.add_argument("--cards", type=int, default=1000, help="most cards of the part `serving` (default: 1000)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--program", type=Path, default=program.DEFAULT)
    parser.add_argument("--model", type=Path, help="SmolLM2 in Hugging Face layout (default: converted once from GGUF)")
    parser.add_argument("--only", choices=["same", "tokenizers", "training", "evaluation", "encoder", "generation", "start-up", "methods",
                                           "autoprompt", "after-text", "prefix-generation", "seeds", "stored", "serving", "llama.cpp", "long", "busy", "embedding"],
                        help="one part")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    if arguments.only in (None, "tokenizers"):
        bench.tokenizing()
    if arguments.only in (None, "encoder"):
        bench.encoding()
    of_methods = {"methods": "training", "after-text": "after_the_text", "prefix-generation": "generation", "autoprompt": "autoprompt"}
    if arguments.only in (None, "same", "training", "evaluation", "start-up", "seeds"):
        bench.same_results()
    if arguments.only in (None, "training"):
        bench.training()
    if arguments.only in (None, "evaluation"):
        bench.evaluation()
    if arguments.only in (None, "generation"):
        bench.generation()
    if arguments.only is None or arguments.only in of_methods:
        import tuners

        chosen = [of_methods[arguments.only]] if arguments.only else list(of_methods.values())
        tuners.measure(bench, TEMPLATE, WORDS, PEERS, chosen)
    if arguments.only in (None, "stored"):
        import stored

        stored.measure(bench, TEMPLATE)
    if arguments.only in (None, "llama.cpp"):
        import llama_cpp

        llama_cpp.measure(bench, TEMPLATE, WORDS)
    if arguments.only in (None, "long"):
        import long_texts

        long_texts.measure(bench, TEMPLATE, PEERS)
    if arguments.only in (None, "busy"):
        import busy

        busy.measure(bench)
    if arguments.only in (None, "embedding"):
        import embedding

        embedding.measure(bench)
    if arguments.only in (None, "start-up"):
        bench.answering()
    if arguments.only in (None, "serving"):
        import serving

        serving.measure(bench, arguments.rows, arguments.cards)
    if arguments.only in (None, "seeds"):
        import three_seeds

        three_seeds.measure(bench.cuecard.path, bench.model, bench.home, bench.cuecard.threads)


if __name__ == "__main__":
    main()
