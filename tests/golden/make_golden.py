"""Recreates the golden files of this folder, which README.md describes.

    python make_golden.py [--models DIR] [--only tiny|real|checkpoints|peft|lora|smop|tokenizer|metrics] [--program CUECARD]
"""

import argparse
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
HERE = Path(__file__).resolve().parent

PINNED = {"torch": "2.15.0", "transformers": "5.23.0", "peft": "0.21.2"}


# What is compared on many random inputs, by which script, and with which program of the tests.
COMPARISONS = [
    ("tokenizer", "tokenizer/compare_odd_files.py", "cuecard-tokenize-lines"),
    ("metrics", "metrics/compare_metrics.py", "cuecard-measure-lines"),
]


def compare(script: Path, program: Path) -> None:
    if not program.exists():
        sys.exit(f"make_golden.py: {program} is not built, and {script.name} compares it; run ./run test or build its target first")
    subprocess.run([sys.executable, "-B", script, "--program", program], check=True)


def check_versions() -> None:
    for package, wanted in PINNED.items():
        found = importlib.metadata.version(package).split("+")[0]
        if found != wanted:
            sys.exit(f"make_golden.py: {package} {found} found, {wanted} expected; install setup/oracle-requirements.txt")


def main() -> None:
    parser = argparse.ArgumentParser(description="Recreate the golden files.")
    parser.add_argument("--models", type=Path, default=HERE.parents[1] / ".cache" / "models",
                        help="folder with the models that ./run setup unpacks (default: %(default)s)")
    parser.add_argument("--only", choices=["tiny", "real", "checkpoints", "peft", "lora", "smop", "tokenizer", "metrics"],
                        help="only one part")
    parser.add_argument("--program", type=Path, default=HERE.parents[1] / "build" / "release" / "bin" / "cuecard",
                        help="the built program, whose exports PEFT reads, in a folder beside that of the tests (default: %(default)s)")
    arguments = parser.parse_args()
    check_versions()
    if arguments.only in (None, "tiny", "real"):
        make_models(arguments)
    if arguments.only in (None, "checkpoints"):
        check_checkpoints(arguments)
    if arguments.only in (None, "lora"):
        make_lora()
    if arguments.only in (None, "smop"):
        make_smop_and_late_prompts()
    if arguments.only in (None, "peft"):
        make_adapters(arguments)
    if arguments.only in (None, "tokenizer"):
        for script in sorted(HERE.glob("tokenizer*/make_*.py")):
            subprocess.run([sys.executable, "-B", script], check=True)
    if arguments.only in (None, "metrics"):
        for script in sorted(HERE.glob("metrics/make_*.py")):
            subprocess.run([sys.executable, "-B", script], check=True)
    for part, script, program in COMPARISONS:
        if arguments.only in (None, part):
            compare(HERE / script, arguments.program.with_name(program))
    for path in HERE.rglob("*.safetensors"):
        path.chmod(0o644)


def start_torch() -> None:
    import torch

    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(min(2, os.cpu_count() or 1))


def check_checkpoints(arguments) -> None:
    start_torch()
    import checkpoints

    checkpoints.check(HERE / "models", arguments.program.parents[1] / "tests" / "parity-checkpoints")


def make_lora() -> None:
    start_torch()
    import lora

    lora.make(HERE / "models", HERE / "lora_adapters")


def make_smop_and_late_prompts() -> None:
    start_torch()
    import smop_and_late_prompts

    smop_and_late_prompts.make(HERE / "models")


def make_adapters(arguments) -> None:
    start_torch()
    import peft_adapters
    import peft_exports
    import peft_heads

    peft_adapters.make(HERE / "models", HERE / "adapters")
    peft_heads.make(HERE / "models", HERE / "head_adapters")
    peft_exports.check(arguments.program)


def make_models(arguments) -> None:
    start_torch()
    if arguments.only != "real":
        import chat_formats
        import checkpoints
        import encoder_decoders
        import generation
        import gguf_types
        import trainable_prefixes
        import prompt_tuning
        import tiny_decoders
        import tiny_encoders
        import tiny_models
        import tiny_windowed

        tiny_models.make(HERE / "models")
        tiny_encoders.make(HERE / "models")
        tiny_decoders.make(HERE / "models")
        tiny_windowed.make(HERE / "models")
        encoder_decoders.make(HERE / "models")
        checkpoints.make(HERE / "models")
        prompt_tuning.make(HERE / "models")
        gguf_types.make(HERE / "gguf_types.safetensors")
        trainable_prefixes.make(HERE / "models")
        generation.make(HERE / "models")
        chat_formats.make(HERE)
    if arguments.only != "tiny":
        import real_models

        real_models.make(HERE, arguments.models)


if __name__ == "__main__":
    main()
