"""More tiny random encoders: DistilBERT, and both parts of ELECTRA."""

from pathlib import Path

import torch
from transformers import (
    AutoModelForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForPreTraining,
)

import tiny_tokenizers
from tiny_models import BERT_ROLES, randomise, record_encoder, record_language_model, write


def spelling():
    return tiny_tokenizers.spelling(tiny_tokenizers.SPECIAL, ["[CLS]"], ["[SEP]"])


def write_distilbert(folder: Path) -> None:
    tokenizer = spelling()
    model = DistilBertForMaskedLM(DistilBertConfig(
        vocab_size=tokenizer.get_vocab_size(), dim=16, n_layers=2, n_heads=4, hidden_dim=28, max_position_embeddings=48,
        activation="relu",
    ))
    randomise(model, 121)
    write(folder, model, tokenizer, {**BERT_ROLES, "tokenizer_class": "DistilBertTokenizer"})


def write_electra_generator(folder: Path) -> None:
    tokenizer = spelling()
    model = ElectraForMaskedLM(ElectraConfig(
        vocab_size=tokenizer.get_vocab_size(), embedding_size=10, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=48, hidden_act="relu",
    ))
    randomise(model, 122)
    write(folder, model, tokenizer, {**BERT_ROLES, "tokenizer_class": "ElectraTokenizer"})


def write_electra_discriminator(folder: Path) -> None:
    """With tokenizer files as they were before tokenizer.json."""
    tokenizer = spelling()
    model = ElectraForPreTraining(ElectraConfig(
        vocab_size=tokenizer.get_vocab_size(), embedding_size=16, hidden_size=16, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=24, max_position_embeddings=48,
    ))
    randomise(model, 123)
    write(folder, model, tokenizer, {"do_lower_case": True, "model_max_length": 48})
    (folder / "tokenizer.json").unlink()
    pieces = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece, _ in pieces))


def make(folder: Path) -> None:
    write_distilbert(folder / "distilbert-mlm")
    write_electra_generator(folder / "electra-generator")
    write_electra_discriminator(folder / "electra-discriminator")
    for name, seed, segmented in ("distilbert-mlm", 221, False), ("electra-generator", 222, True):
        record_language_model(folder / name, AutoModelForMaskedLM, seed, segmented, lift=torch.nn.Module.double)
    record_encoder(folder / "electra-discriminator", 223)
