"""How the commands of each page are run: with which models and files, and what is not run at all."""

from dataclasses import dataclass, field
from pathlib import Path

LLAMA = {"MODEL": "tests/golden/models/llama-tied"}
BERT = {"MODEL": "tests/golden/models/bert-mlm"}
SMOLLM2 = ".cache/models/SmolLM2-135M-Instruct.Q4_1.gguf"
MINILM = ".cache/models/minilm"
REVIEWS = ".cache/text/movieReviewSnippets_GroundTruth.txt"

# Stand-alone plugins: each page builds its own.
EXAMPLES = [path.parent.name for path in Path(__file__).parents[2].glob("examples/*/CMakeLists.txt") if "cuecard_add_plugin" in path.read_text()]

# Task files of pages that have none of their own: the page of the file, the number of its block there, and what is changed in it.
SENTIMENT = {"sentiment.json": ("plugins/tuners/prompt-tuning/README.md", 0, {})}
CAUSAL = {"task.json": ("README.md", 0, {})}
MASKED = {"task.json": ("README.md", 0, {"template": '{text} It was {"mask"}.'})}

# The plugin of snippets/, built and tested, then handed over as the page says; its template renders a prompt.
BUILD_SNIPPETS = """cmake -G Ninja -S ~/snippets -B ~/snippets/build -DCMAKE_PREFIX_PATH=~/cuecard
cmake --build ~/snippets/build
ctest --test-dir ~/snippets/build --no-tests=error
mkdir ~/plugins
cp ~/snippets/build/plugins/abi*/my-tuner.* ~/plugins
cp ~/plugins/my-tuner.so ~/plugins/my-tuner.json .
cp ~/snippets/README.md .
echo 'MIT' >LICENSE
cuecard render --plugin-path ~/plugins --model MODEL --template-component headed --template '{text}' film"""


def with_words(tasks: dict[str, tuple], *words: str) -> dict[str, tuple]:
    """For a tiny model whose tokens don't spell the page's label words."""
    labels = [{"name": name, "words": [word]} for name, word in zip(("bug", "wish"), words)]
    return {file: (page, number, changes | {"labels": labels}) for file, (page, number, changes) in tasks.items()}


# A server on a free port, whose number is $port, for the commands between these two.
SERVE = """mkdir -p cards
: >told # that of an earlier server says another port
cuecard train --task sentiment.json --model MODEL --tuner prompt-tuning --out cards/sentiment >trained
~/cuecard/bin/cuecard serve --model MODEL --cards cards --listen 127.0.0.1:0 2>told &
server=$!
trap 'kill $server 2>/dev/null || :' EXIT # when a command fails, too
until grep -q ready: told; do kill -0 $server; sleep 0.1; done
port=$(sed -n 's/.*listening on .*:\\([0-9]*\\)\\.$/\\1/p' told)
"""
END = "\nkill $server\nwait $server"


@dataclass
class Scene:
    """What lies in the folder that a page's commands are run in."""

    models: dict[str, str] = field(default_factory=dict)  # the page's names for them: where they are
    tasks: dict[str, tuple] = field(default_factory=dict)  # those of other pages
    files: dict[str, str] = field(default_factory=dict)
    before: dict[str, str] = field(default_factory=dict)  # what is run before a command with this beginning
    tolerance: float = 2e-3  # of numbers with a decimal point: float32 in another order
    steps: int | None = 2  # of every training; None: as many as the page says


SCENES = {
    "README.md": Scene(LLAMA),
    "docs/embedding.md": Scene(LLAMA, SENTIMENT),
    "docs/json-output.md": Scene(
        LLAMA | {"BERT": BERT["MODEL"], "SmolLM2": SMOLLM2},
        {"sst2.json": ("docs/task-files.md", 1, {}), "entities.json": ("plugins/verbalizers/head/README.md", 1, {})},
    ),
    "docs/peft.md": Scene(
        LLAMA | {"SmolLM2": LLAMA["MODEL"], "sst2-adapter": "tests/golden/adapters/llama-prompt"},
        {"sst2.json": ("docs/task-files.md", 1, {"verbalizer": {}})},  # an import doesn't calibrate
    ),
    # Ten virtual tokens are trained here, eighteen steps long, on SmolLM2 itself.
    "docs/python.md": Scene(LLAMA, SENTIMENT),
    "docs/quick-start.md": Scene(tolerance=0.15, steps=None),
    "docs/results.md": Scene(),
    "docs/scale.md": Scene(LLAMA, SENTIMENT),
    "docs/serving.md": Scene(LLAMA, SENTIMENT),
    "docs/task-files.md": Scene(
        {"MODEL": SMOLLM2, "SmolLM2": SMOLLM2},
        {"sst2.json": ("docs/task-files.md", 1, {})},
    ),
    "docs/writing-a-plugin.md": Scene(LLAMA, CAUSAL, before={"cuecard plugin check my-tuner.so": BUILD_SNIPPETS}),
    "examples/embed/README.md": Scene(before={"cmake -G": "cp -r examples/embed/* ."}),
    "examples/tasks/README.md": Scene(),
    **{f"examples/{name}/README.md": Scene(LLAMA, CAUSAL, before={"cmake -G": f"cp -r examples/{name}/* ."}) for name in EXAMPLES},
    "examples/masked/README.md": Scene(
        before={"cd build/masked": "examples/masked/make --program $(which cuecard) --folder build/masked --held-out 40 --steps 2"}
    ),
    "plugins/manual/README.md": Scene({"MODEL": SMOLLM2}),
    "plugins/backbones/albert/README.md": Scene({"MODEL": "tests/golden/models/albert"}, MASKED),
    "plugins/backbones/bart/README.md": Scene({"MODEL": "tests/golden/models/bart"}, MASKED),
    "plugins/backbones/bert/README.md": Scene(BERT, MASKED),
    "plugins/backbones/deberta-v2/README.md": Scene(
        {"MODEL": "tests/golden/models/deberta-v3"}, {"task.json": ("plugins/verbalizers/head/README.md", 0, {})}
    ),
    "plugins/backbones/distilbert/README.md": Scene({"MODEL": "tests/golden/models/distilbert-mlm"}, MASKED),
    "plugins/backbones/electra/README.md": Scene(
        {"GENERATOR": "tests/golden/models/electra-generator", "DISCRIMINATOR": "tests/golden/models/electra-discriminator"},
        {"task.json": ("plugins/verbalizers/head/README.md", 0, {})},
    ),
    **{f"plugins/backbones/{family}/README.md": Scene({"MODEL": f"tests/golden/models/{family}"}, with_words(CAUSAL, "w10", "w11"))
       for family in ("gemma", "gpt-neox", "olmo2", "opt", "phi3")},
    "plugins/backbones/gpt2/README.md": Scene({"MODEL": "tests/golden/models/gpt2-tied"}, with_words(CAUSAL, "w10", "w11")),
    "plugins/backbones/llama/README.md": Scene(),
    "plugins/backbones/modernbert/README.md": Scene({"MODEL": "tests/golden/models/modernbert"}, MASKED),
    "plugins/backbones/mpnet/README.md": Scene({"MODEL": "tests/golden/models/mpnet"}, MASKED),
    "plugins/backbones/roberta/README.md": Scene({"MODEL": "tests/golden/models/roberta-mlm"}, with_words(MASKED, "great", "bad")),
    "plugins/backbones/t5/README.md": Scene({"MODEL": "tests/golden/models/t5-plain"}, MASKED),
    "plugins/tuners/autoprompt/README.md": Scene(LLAMA),
    "plugins/tuners/fine-tuning/README.md": Scene(BERT, {"sentiment.json": (*SENTIMENT["sentiment.json"][:2], MASKED["task.json"][2])}),
    "plugins/tuners/in-context/README.md": Scene({"MODEL": SMOLLM2}, SENTIMENT),
    "plugins/tuners/late-prompt-tuning/README.md": Scene(LLAMA, SENTIMENT),
    "plugins/tuners/lora/README.md": Scene(LLAMA),
    "plugins/tuners/p-tuning-v2/README.md": Scene(BERT),
    "plugins/tuners/p-tuning/README.md": Scene(BERT),
    "plugins/tuners/prefix-tuning/README.md": Scene(LLAMA, SENTIMENT),
    "plugins/tuners/prompt-tuning/README.md": Scene(LLAMA | {"SmolLM2": SMOLLM2}),
    "plugins/tuners/smop/README.md": Scene(LLAMA, SENTIMENT),
    "plugins/tuners/template-search/README.md": Scene(
        LLAMA, files={"reviews.txt": "A film like that is great .\nThe plot was quite terrible .\n{text} All in all{\"mask\"}\n"}
    ),
    "plugins/verbalizers/automatic/README.md": Scene(LLAMA),
    "plugins/verbalizers/fact/README.md": Scene(LLAMA),
    "plugins/verbalizers/head/README.md": Scene({"bert": BERT["MODEL"]}, {"squad.json": ("docs/task-files.md", 7, {})}),
    "plugins/verbalizers/knowledgeable/README.md": Scene(LLAMA),
    "plugins/verbalizers/label-text/README.md": Scene(LLAMA),
    "plugins/verbalizers/prototypical/README.md": Scene(LLAMA),
    "plugins/verbalizers/rules/README.md": Scene({"ROBERTA": "tests/golden/models/roberta-mlm"}),
    "plugins/verbalizers/soft/README.md": Scene(LLAMA),
    "plugins/verbalizers/text/README.md": Scene(LLAMA),
}

# Pages with commands that take too long: only their arguments are tried.
ARGUMENTS_ONLY = {"docs/results.md", "examples/tasks/README.md"}

# The command that prints a block on its own, and how the two are compared: `same`; `form`: the keys of JSON, and all words but names
# and labels; `works`: the block is given to the command as $BLOCK.
PRINTED_BY = {
    ("README.md", "method  "): (
        "form",
        f"examples/sentiment/demo --program $(which cuecard) --model {SMOLLM2} --reviews {REVIEWS} --folder build/demo"
        " --train 32 --dev 16 --held-out 40 --epochs 1",
    ),
    ("docs/json-output.md", '{"row":0,"card":"sst2"'): (
        "form",
        "cuecard train --task sst2.json --model MODEL --tuner manual --out sst2.card >trained\n"
        "cuecard train --task entities.json --model BERT --tuner manual --out entities.card >trained\n"
        "cuecard predict --card sst2.card --model MODEL 'A film to remember.'\n"
        "cuecard predict --card entities.card --model BERT 'It was the best'",
    ),
    ("docs/json-output.md", '{"row":0,"texts"'): (
        "same",
        "cuecard generate --model SmolLM2 --max-new-tokens 16 --json 'The capital of France is' | sed -n 1p",
    ),
    ("docs/quick-start.md", "Message : "): (
        "same",
        "cuecard render --model smollm2 --template $'Message: {text}\\nThis message is a' 'Please add a dark theme.'",
    ),
    ("docs/python.md", "scores = model.score("): (
        "works",
        "cuecard train --task sentiment.json --model MODEL --tuner manual --out sentiment.card >trained\n"
        "PYTHONPATH=~/cuecard/lib/python python3 -B -c \"import cuecard; model = cuecard.Model('MODEL', ['sentiment.card']); $BLOCK\"",
    ),
    # As torchrun starts it: with two ranks only where that is installed.
    ("docs/scale.md", "torchrun"): (
        "works",
        "command -v torchrun >/dev/null || torchrun() { shift 2; python3 -B \"$@\"; }\n"
        "export PYTHONPATH=~/cuecard/lib/python\neval \"$BLOCK --steps 2\" >trained",
    ),
    ("docs/serving.md", "mkdir cards"): ("works", SERVE + END),
    ("docs/serving.md", "curl http"): ("works", SERVE + 'eval "${BLOCK/8080/$port} --fail --silent" >answered' + END),
    ("docs/serving.md", '{"answers"'): (
        "form",
        SERVE + "curl --fail --silent http://127.0.0.1:$port/v1/predict --data "
        """'{"card": "sentiment", "rows": ["A quiet, tender film.", "Two hours of noise."]}'""" + END,
    ),
    ("docs/serving.md", "cuecard: POST"): (
        "form",
        SERVE + "curl --fail --silent http://127.0.0.1:$port/v1/predict --data "
        """'{"card": "sentiment", "rows": ["A quiet, tender film.", "Two hours of noise."]}' >answered""" + END + "\n"
        "sed -n '/POST/s/request_id=[0-9a-f]\\{32\\}$/request_id=7f4a91c2e0b85d36a1f0c9d2b4e6a873/p' told 2>&1",
    ),
    ("docs/task-files.md", 'cuecard: sst2.json: unknown key "data.feilds"'): (
        "same",
        "mkdir wrong && sed 's/\"fields\"/\"feilds\"/' sst2.json >wrong/sst2.json && cd wrong\n"
        "! cuecard train --task sst2.json --model MODEL --tuner manual --out sst2.card 2>&1",
    ),
    ("plugins/manual/README.md", '  {"role": "system"}'): (
        "works",
        "cuecard render --model MODEL --template \"${BLOCK#  }\" 'A film to remember.'",
    ),
}

# Blocks that are neither commands nor output, and why they are left out.
LEFT_OUT = {
    ("examples/scale/README.md", "python3 sweep_optuna.py"): "tests/package/scale runs it",
    ("docs/architecture.md", "example --template-->"): "a drawing",
    ("docs/architecture.md", "plugins/   core/"): "a drawing",
    ("docs/serving.md", "[Service]"): "a systemd unit",
    ("docs/serving.md", "FROM debian"): "a container file, which needs a container's tools and a network",
    ("docs/task-files.md", '{ "$schema"'): "one line of a task file, which task_schema_test.cpp reads",
}
