"""Checkpoints of every family in the forms that transformers itself reads, each with what it computes, for tests/parity/checkpoints_test.cpp.

They are many, so they are made in a temporary folder and compared there and then; only the recordings of RoBERTa's padding are golden
files."""

import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file, save_model
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

import tiny_models

MODELS = {
    "llama-tied": AutoModelForCausalLM, "llama-untied": AutoModelForCausalLM, "llama3": AutoModelForCausalLM,
    "mistral": AutoModelForCausalLM, "qwen2": AutoModelForCausalLM, "qwen3": AutoModelForCausalLM, "gpt2-tied": AutoModelForCausalLM,
    "mistral-window": AutoModelForCausalLM, "qwen2-window": AutoModelForCausalLM, "llama-yarn": AutoModelForCausalLM,
    "llama-dynamic": AutoModelForCausalLM, "gemma": AutoModelForCausalLM, "gemma2": AutoModelForCausalLM,
    "gemma3": AutoModelForCausalLM, "phi3": AutoModelForCausalLM, "phi3-longrope": AutoModelForCausalLM, "olmo2": AutoModelForCausalLM,
    "gpt-neox": AutoModelForCausalLM, "gpt-neox-serial": AutoModelForCausalLM, "opt": AutoModelForCausalLM,
    "gpt2-untied": AutoModelForCausalLM, "bert-mlm": AutoModelForMaskedLM, "roberta-mlm": AutoModelForMaskedLM,
    "distilbert-mlm": AutoModelForMaskedLM, "electra-generator": AutoModelForMaskedLM, "bart": AutoModelForSeq2SeqLM,
    "t5-plain": AutoModelForSeq2SeqLM, "t5-gated": AutoModelForSeq2SeqLM, "mt5": AutoModelForSeq2SeqLM, "umt5": AutoModelForSeq2SeqLM,
    "albert": AutoModelForMaskedLM, "camembert": AutoModelForMaskedLM, "mpnet": AutoModelForMaskedLM,
    "deberta-v3": AutoModelForMaskedLM, "deberta-v2": AutoModelForMaskedLM, "modernbert": AutoModelForMaskedLM,
}
# Without these the file would be of another model, or of none that this program has. (Without `legacy` transformers looks for DeBERTa's
# older head and makes one up; the program uses the one that the file has.)
ESSENTIAL = {"model_type", "architectures", "legacy"}


def read(folder: Path):
    with safe_open(folder / "model.safetensors", "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    return tensors, json.loads((folder / "config.json").read_text())


class Forms:
    """Forms of one golden model, each written and recorded by `add`."""

    def __init__(self, source: Path, loader, into: Path):
        self.source, self.loader, self.into = source, loader, into
        self.added = self.refused = 0

    def folder(self, form: str) -> Path:
        folder = self.into / f"{self.source.name}--{form}"
        folder.mkdir(parents=True)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_bytes((self.source / name).read_bytes())
        return folder

    def add(self, form: str, tensors: dict, config: dict) -> None:
        folder = self.folder(form)
        save_file({name: tensor.contiguous().clone() for name, tensor in tensors.items()}, folder / "model.safetensors", {"format": "pt"})
        (folder / "config.json").write_text(json.dumps(config))
        self.record(folder)

    def record(self, folder: Path) -> None:
        """Removes the form where transformers does not read it, or fills in tensors that it lacks."""
        try:
            tensors = self.compute(folder)
        except Exception as error:  # whatever transformers raises, it does not read the file
            tensors = None
            print(f"{folder.name}: not read: {str(error).splitlines()[0][:120]}")
        if tensors is None:
            self.refused += 1
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
            return
        save_file(tensors, folder / "outputs.safetensors")
        self.added += 1

    def load(self, folder: Path):
        """The model and the names of what transformers made up, all of it in the head; None where it made up more."""
        model, told = self.loader.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        made_up = set(told["missing_keys"])
        stem = model.base_model_prefix + "."
        if not hasattr(model, model.base_model_prefix):  # T5, whose stacks have no name together
            stem = ""
        head = {name for name, _ in model.named_parameters(remove_duplicate=False) if name.startswith("lm_head") or not name.startswith(stem)}
        if told["mismatched_keys"] or not made_up <= head:
            return None, made_up
        return model.eval(), made_up

    def compute(self, folder: Path):
        model, made_up = self.load(folder)
        if model is None:
            return None
        config = model.config
        ids, offsets = tiny_models.random_rows(config.vocab_size, 77)
        sides = {"ids": ids, "offsets": offsets}
        if config.is_encoder_decoder:
            sides |= {"output_ids": ids.flip(0).contiguous(), "output_offsets": offsets.clone()}
        hidden, log_probs = [], []
        with torch.no_grad():
            for s in range(len(offsets) - 1):
                rows = slice(int(offsets[s]), int(offsets[s + 1]))
                more = {"decoder_input_ids": sides["output_ids"][rows].unsqueeze(0)} if config.is_encoder_decoder else {}
                out = model(input_ids=ids[rows].unsqueeze(0), output_hidden_states=True, **more)
                states = out.decoder_hidden_states if config.is_encoder_decoder else out.hidden_states
                hidden.append(states[-1][0])
                log_probs.append(torch.log_softmax(out.logits[0], dim=-1))
        recorded = sides | {"hidden": torch.cat(hidden).contiguous()}
        if not made_up:
            recorded["log_probs"] = torch.cat(log_probs).contiguous()
        if any(name.endswith(".weight") for name in made_up):
            recorded["no_head"] = torch.zeros(1)
        return recorded


def forms_of(source: Path, loader, into: Path) -> Forms:
    forms = Forms(source, loader, into)
    tensors, config = read(source)
    model = loader.from_pretrained(source, dtype=torch.float32)
    forms.add("as-it-is", tensors, config)
    tensors = whole(model)

    bare_folder = forms.folder("bare")
    model.base_model.save_pretrained(bare_folder)
    forms.record(bare_folder)

    saved = forms.folder("save_model")
    save_model(model, str(saved / "model.safetensors"), metadata={"format": "pt"})
    (saved / "config.json").write_text(json.dumps(config))
    forms.record(saved)

    names = tables(model)
    table = next(tensors[name] for name in names if name in tensors)
    rest = {name: tensor for name, tensor in tensors.items() if name not in names}
    for flag in (True, False, None):
        said = {key: value for key, value in config.items() if key != "tie_word_embeddings"} | ({} if flag is None else {"tie_word_embeddings": flag})
        for chosen in range(1, 1 << len(names)):
            there = [name for i, name in enumerate(names) if chosen >> i & 1]
            same = rest | {name: table for name in there}
            forms.add(f"tie-{flag}-{chosen}-same", same, said)
            if len(there) > 1:
                forms.add(f"tie-{flag}-{chosen}-differ", rest | {name: table.roll(i, 0) for i, name in enumerate(there)}, said)
    biases = [name for name in dict(model.named_parameters(remove_duplicate=False)) if name.endswith(("predictions.bias", "predictions.decoder.bias", "lm_head.bias", "lm_head.decoder.bias"))]
    if len(biases) == 2:
        bias = next(tensors[name] for name in biases if name in tensors)
        rest = {name: tensor for name, tensor in tensors.items() if name not in biases}
        for name in biases:
            forms.add(f"bias-{name}", rest | {name: bias}, config)
        forms.add("biases-differ", rest | {biases[0]: bias, biases[1]: bias + 1}, config)
    for key in sorted(set(config) - ESSENTIAL):
        forms.add(f"without-{key}", tensors, {name: value for name, value in config.items() if name != key})
        forms.add(f"null-{key}", tensors, config | {key: None})
    own = AutoConfig.from_pretrained(source)
    for other, key in own.attribute_map.items():
        if key in config:
            forms.add(f"renamed-{key}", tensors, {name: value for name, value in config.items() if name != key} | {other: config[key]})
    rotary(forms, tensors, config)
    return forms


def whole(model) -> dict:
    """The tensors by the names that the model with its head has; of tied ones, the first."""
    return {name: parameter.detach() for name, parameter in model.named_parameters()} | {
        name: buffer for name, buffer in model.named_buffers() if name == "final_logits_bias"}


def rotary(forms: Forms, tensors: dict, config: dict) -> None:
    settings = config.get("rope_parameters") or ({"rope_theta": config["rope_theta"], "rope_type": "default"} if "rope_theta" in config else None)
    if not settings:
        return
    plain = {key: value for key, value in config.items() if key not in ("rope_parameters", "rope_theta", "rope_scaling")}
    linear = {"rope_type": "linear", "factor": 4.0}
    theta = {"rope_theta": 300.0}
    old = {"type": "linear", "factor": 4.0}
    for form, keys in {
        "new": {"rope_parameters": linear | theta}, "old": theta | {"rope_scaling": old}, "old-null": theta | {"rope_scaling": None},
        "old-empty": theta | {"rope_scaling": {}}, "theta-inside": {"rope_scaling": old | theta}, "new-type": {"rope_parameters": old | theta},
        "theta-twice": {"rope_theta": 7.0, "rope_parameters": linear | theta}, "theta-beside": theta | {"rope_parameters": linear},
        "both": theta | {"rope_scaling": old, "rope_parameters": {"rope_type": "default", "rope_theta": 7.0}},
        "both-types": {"rope_scaling": old | {"rope_type": "default"} | theta}, "neither": {}, "default": {"rope_parameters": {"rope_type": "default"}},
        "llama3": theta | {"rope_scaling": {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}},
    }.items():
        forms.add(f"rotary-{form}", tensors, plain | copy.deepcopy(keys))


def tables(model) -> list:
    """Names of the table of words and of what scores words."""
    shapes = {tuple(model.get_input_embeddings().weight.shape)}
    return [name for name, parameter in model.named_parameters(remove_duplicate=False)
            if tuple(parameter.shape) in shapes and name.endswith(("embed_tokens.weight", "shared.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight",
                                                                   "lm_head.weight", "decoder.weight", "vocab_projector.weight"))]


def check(models: Path, test: Path) -> None:
    """Compares `test` (parity-checkpoints, built) with transformers on every form."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder)
        for name, loader in MODELS.items():
            forms = forms_of(models / name, loader, into)
            print(f"{name}: {forms.added} forms; transformers reads {forms.refused} others not, or not whole")
        subprocess.run([test, "-tc=checkpoints that transformers has saved"], check=True, env={**os.environ, "CUECARD_CHECKPOINTS": folder})


def record_padding(folder: Path) -> None:
    """RoBERTa with padding tokens in the text, whose id is the model's own or another."""
    for padding in (1, 6):
        model = AutoModelForMaskedLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", pad_token_id=padding).double().eval()
        ids, offsets = tiny_models.random_rows(model.config.vocab_size, 78, reserved=7)
        ids[torch.tensor([0, 3, 4, 9, 19, 25, 35])] = padding
        hidden, log_probs = [], []
        with torch.no_grad():
            for s in range(len(offsets) - 1):
                rows = slice(int(offsets[s]), int(offsets[s + 1]))
                out = model(input_ids=ids[rows].unsqueeze(0), output_hidden_states=True)
                hidden.append(out.hidden_states[-1][0])
                log_probs.append(torch.log_softmax(out.logits[0], dim=-1))
        target_rows = offsets[1:] - 1
        save_file({"ids": ids, "offsets": offsets, "hidden": torch.cat(hidden).float(), "target_rows": target_rows,
                   "log_probs": torch.cat(log_probs)[target_rows].float()}, folder / f"padding_{padding}.safetensors")


def make(models: Path) -> None:
    record_padding(models / "roberta-mlm")


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    check(Path(__file__).parent / "models", Path(sys.argv[1]))
