"""llama.cpp beside our program, from the wheel `xllamacpp` (its server, in a process of its own, without HTTP): evaluation and generation
of the same token ids, for one model as float32, Q8_0 and Q4_1; part of bench/run.py.

    llama_cpp.py MODEL.gguf ASKED.json      what is run beside ours; prints one JSON object

ASKED: {"prompts": [[id]], "words": [id, id] or [], "new_tokens", "threads"}. With words, each prompt is scored: a bias keeps all other
tokens out, so the two probabilities are those of the words alone. Without, it is continued greedily. Keys and values are float32; all
prompts are handed over in one call, and SLOTS of them run at once.
"""

import json
import resource
import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path

sys.dont_write_bytecode = True

import program
import stored
from measured import ratios, run, spread

SLOTS = 64
TOKENS_OF_SLOT = 256
# Of a probability. llama.cpp rounds what it multiplies with blocks to 8 bits; with float32 matrices 1e-3 was seen.
ALLOWED = {"F32": 1e-2, "Q8_0": 0.1, "Q4_1": 0.25}
NEW_TOKENS = 32


def installed() -> bool:
    return find_spec("xllamacpp") is not None


# What is run beside ours ----------------------------------------------------------------------------------------------


def peer(model: Path, asked: dict) -> dict:
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model)
    parameters.n_parallel, parameters.n_ctx = SLOTS, SLOTS * TOKENS_OF_SLOT
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = asked["threads"]
    parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    parameters.verbosity = -1
    server = xllamacpp.Server(parameters)
    if asked["words"]:
        how = {"n_predict": 1, "logit_bias": [[word, 100] for word in asked["words"]], "samplers": ["top_k"], "top_k": 2,
               "temperature": 1.0, "logprobs": 2, "post_sampling_probs": True}
    else:
        how = {"n_predict": asked["new_tokens"], "temperature": 0.0, "ignore_eos": True}
    begin = time.perf_counter()
    answer = server.handle_completions({"prompt": asked["prompts"], **how})
    seconds = time.perf_counter() - begin
    if "choices" not in answer:
        sys.exit(f"llama_cpp.py: no answers: {answer}")
    choices = sorted(answer["choices"], key=lambda choice: choice["index"])
    result = {"seconds": seconds, "instructions": xllamacpp.get_system_info(),
              "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    if asked["words"]:
        of = [{each["id"]: each["prob"] for each in choice["logprobs"]["content"][0]["top_probs"]} for choice in choices]
        result["probabilities"] = [[each.get(word, 0.0) for word in asked["words"]] for each in of]
    else:
        result["texts"] = [choice["text"] for choice in choices]
    return result


def written(source: Path, kind: str, folder: Path) -> Path:
    """The model of a GGUF file with its matrices in another type, and everything else float32."""
    import gguf

    file = folder / f"SmolLM2-{kind}.gguf"
    if file.exists():
        return file
    reader, types = gguf.GGUFReader(source), gguf.GGMLQuantizationType
    unfinished = file.with_suffix(".unfinished")
    writer = gguf.GGUFWriter(unfinished, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if not name.startswith("GGUF.") and name != "general.architecture":
            inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, field.contents(), field.types[0], inner)
    for tensor in reader.tensors:
        to = types[kind] if len(tensor.shape) == 2 else types.F32
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        writer.add_tensor(tensor.name, gguf.quants.quantize(values, to), raw_dtype=to)
    writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()
    return unfinished.rename(file)


# The comparison -------------------------------------------------------------------------------------------------------


def dtypes_of(kind: str) -> list[str]:
    """Ours for a file: as it has its matrices, and as float32, which is the same for one of float32."""
    return ["float32"] if kind == "F32" else ["float32", "stored"]


def columns(kind: str) -> dict[str, list[float]]:
    return {name: [] for name in (*dtypes_of(kind), "llama.cpp")}


class Beside:
    def __init__(self, bench, template: str, words: list[str]):
        self.bench, self.template = bench, template
        self.words = [bench.cuecard.tokens_of(word, bench.model) for word in words]
        if any(len(ids) != 1 for ids in self.words):
            sys.exit(f"bench: the label words {words} are {self.words}; expected one token each")
        self.label = words[1].strip()

    def ask(self, model: Path, prompts: list[list[int]], words: list[int]):
        asked = self.bench.home / "llama-cpp.json"
        asked.write_text(json.dumps({"prompts": prompts, "words": words, "new_tokens": NEW_TOKENS, "threads": self.bench.threads}))
        return run([sys.executable, "-B", __file__, model, asked])

    def evaluate(self, kind: str, model: Path) -> None:
        """First that the answers are the same: the labels, and how far the probabilities differ."""
        bench, work = self.bench, stored.Work(self.bench, model, self.template)
        task = bench.task[bench.train]
        prompts = bench.cuecard.rendered(bench.model, bench.held_out, "--template", self.template)
        ours = bench.cuecard.predict(work.card, model, bench.held_out, task, self.label)
        speeds, memory = columns(kind), columns(kind)
        for turn in range(bench.rounds):
            for dtype in dtypes_of(kind):
                result, speed = work.evaluate(dtype)
                speeds[dtype].append(speed)
                memory[dtype].append(result.megabytes)
            result = self.ask(model, prompts, [ids[0] for ids in self.words])
            speeds["llama.cpp"].append(len(prompts) / result.last["seconds"])
            memory["llama.cpp"].append(result.megabytes)
            if turn == 0:
                theirs = [each[1] for each in result.last["probabilities"]]
                agree = sum((a > 0.5) == (b > 0.5) for a, b in zip(ours, theirs, strict=True))
                print(f"llama.cpp, {kind}: {agree} of {len(ours)} labels are the same")
                bench.report(f"llama.cpp, {kind}, probability of the second label", ours, theirs, ALLOWED[kind])
        self.table(f"evaluation, {kind}, examples/s", speeds, memory)

    def generate(self, kind: str, model: Path) -> None:
        work = stored.Work(self.bench, model, self.template)
        rows = self.bench.home / "held-out-64.jsonl"
        speeds, memory = columns(kind), columns(kind)
        for _ in range(self.bench.rounds):
            for dtype in dtypes_of(kind):
                result, speed = work.generate(dtype, 64, 64)
                speeds[dtype].append(speed)
                memory[dtype].append(result.megabytes)
                ours = [line["texts"][0]["text"] for line in result.lines if "texts" in line]
            prompts = self.bench.cuecard.rendered(self.bench.model, rows, "--template", self.template)
            result = self.ask(model, prompts, [])
            speeds["llama.cpp"].append(len(prompts) * NEW_TOKENS / result.last["seconds"])
            memory["llama.cpp"].append(result.megabytes)
            same = sum(a == b for a, b in zip(ours, result.last["texts"], strict=True))
        self.table(f"generation, {kind}, {len(prompts)} prompts, {NEW_TOKENS} tokens each, tokens/s; {same} of {len(ours)} texts are the same", speeds, memory)

    @staticmethod
    def table(what: str, speeds: dict, memory: dict) -> None:
        print(f"{what} (minimum / median / maximum)")
        for name, of in speeds.items():
            beside = "" if name == "llama.cpp" else f"  ours is {spread(ratios(of, speeds['llama.cpp']))} times as fast"
            print(f"  {name if name == 'llama.cpp' else 'cuecard, ' + name:<20} {spread(of):<24} {statistics.median(memory[name]):6.0f} MB{beside}")


def measure(bench, template: str, words: list[str]) -> None:
    if not installed():
        print("\nllama.cpp: left out, because the package xllamacpp is not installed")
        return
    beside = Beside(bench, template, words)
    print(f"\nllama.cpp, {SLOTS} prompts at once; its build uses "
          + ", ".join(part.split("=")[0].strip() for part in run([sys.executable, "-B", __file__]).last["instructions"].split(":")[-1].split("|") if "= 1" in part))
    for kind in ("F32", "Q8_0", "Q4_1"):
        model = program.GGUF if kind == "Q4_1" else written(program.GGUF, kind, bench.home)
        beside.evaluate(kind, model)
        beside.generate(kind, model)


if __name__ == "__main__":
    if len(sys.argv) == 1:  # which instructions its build uses
        import xllamacpp

        print(json.dumps({"instructions": xllamacpp.get_system_info()}))
    else:
        print(json.dumps(peer(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text()))))
