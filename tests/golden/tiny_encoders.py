"""More tiny random encoders: DistilBERT, both parts of ELECTRA, ALBERT, CamemBERT, MPNet, DeBERTa and ModernBERT."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertConfig,
    AlbertForPreTraining,
    AutoModel,
    AutoModelForMaskedLM,
    CamembertConfig,
    CamembertForMaskedLM,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ElectraForPreTraining,
    ModernBertConfig,
    ModernBertForMaskedLM,
    MPNetConfig,
    MPNetForMaskedLM,
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


def write_albert(folder: Path) -> None:
    """Three layers of two groups, each of which is two layers: six layers with the weights of four. With a pooler."""
    tokenizer = spelling()
    model = AlbertForPreTraining(AlbertConfig(
        vocab_size=tokenizer.get_vocab_size(), embedding_size=7, hidden_size=8, num_hidden_layers=3, num_hidden_groups=2,
        inner_group_num=2, num_attention_heads=2, intermediate_size=13, max_position_embeddings=48,
    ))
    randomise(model, 124)
    write(folder, model, tokenizer, {**BERT_ROLES, "tokenizer_class": "AlbertTokenizer"})


MARKED = {
    "bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "mask_token": "<mask>", "pad_token": "<pad>",
    "unk_token": "<unk>", "model_max_length": 40,
}


def write_camembert(folder: Path) -> None:
    """A SentencePiece Unigram vocabulary, and padding that is not id 1."""
    tokenizer = tiny_tokenizers.camembert_like()
    model = CamembertForMaskedLM(CamembertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=14,
        max_position_embeddings=46, type_vocab_size=1, pad_token_id=2, bos_token_id=5, eos_token_id=6, layer_norm_eps=1e-5,
    ))
    randomise(model, 125)
    write(folder, model, tokenizer, {**MARKED, "tokenizer_class": "CamembertTokenizer"})


def write_mpnet(folder: Path) -> None:
    tokenizer = tiny_tokenizers.spelling(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], ["<s>"], ["</s>"])
    model = MPNetForMaskedLM(MPNetConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=9, num_hidden_layers=2, num_attention_heads=3, intermediate_size=14,
        max_position_embeddings=50, layer_norm_eps=1e-5,
    ))
    randomise(model, 126)
    model.mpnet.encoder.relative_attention_bias.weight.data *= 5  # as large as scores are
    write(folder, model, tokenizer, {**MARKED, "tokenizer_class": "PreTrainedTokenizerFast"})


def write_deberta_v3(folder: Path) -> None:
    """As in version 3: shared keys, buckets, a norm of relative embeddings, the newer head, no absolute positions."""
    tokenizer = spelling()
    model = DebertaV2ForMaskedLM(DebertaV2Config(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=9, num_hidden_layers=2, num_attention_heads=3, intermediate_size=14,
        max_position_embeddings=20, relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm", share_att_key=True,
        pos_att_type=["p2c", "c2p"], position_biased_input=False, legacy=False,
    ))
    randomise(model, 127)
    write(folder, model, tokenizer, {**BERT_ROLES, "tokenizer_class": "PreTrainedTokenizerFast"})


def write_deberta_v2(folder: Path) -> None:
    """What the other lacks: a convolution, projections of positions, distances without buckets, narrow embeddings, absolute
    positions, segments, and the older head."""
    tokenizer = spelling()
    model = DebertaV2ForMaskedLM(DebertaV2Config(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=10, embedding_size=7, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=14, max_position_embeddings=48, type_vocab_size=2, relative_attention=True, max_relative_positions=6,
        pos_att_type="c2p|p2c", conv_kernel_size=3, conv_groups=2, conv_act="gelu",
    ))
    randomise(model, 128)
    write(folder, model, tokenizer, {**BERT_ROLES, "tokenizer_class": "PreTrainedTokenizerFast"})


def write_modernbert(folder: Path) -> None:
    """A window of 6, three tokens to each side, in the second of three layers."""
    tokenizer = spelling()
    model = ModernBertForMaskedLM(ModernBertConfig(
        vocab_size=tokenizer.get_vocab_size(), hidden_size=18, num_hidden_layers=3, num_attention_heads=3, intermediate_size=10,
        max_position_embeddings=48, local_attention=6, global_attn_every_n_layers=2, pad_token_id=0, bos_token_id=2, eos_token_id=3,
        cls_token_id=2, sep_token_id=3,
        rope_parameters={"full_attention": {"rope_type": "default", "rope_theta": 1600.0},
                         "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}},
    ))
    randomise(model, 129)
    write(folder, model, tokenizer, {**BERT_ROLES, "tokenizer_class": "PreTrainedTokenizerFast"})
    # Checkpoints older than transformers 5 have this instead of types and rotary settings of layers.
    path = folder / "config.json"
    fields = json.loads(path.read_text())
    del fields["layer_types"], fields["rope_parameters"]
    fields |= {"global_attn_every_n_layers": 2, "global_rope_theta": 1600.0, "local_rope_theta": 100.0}
    path.write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


TEXT = "A film to remember, isn't it?"


def record_text(folder: Path, tokenizer) -> None:
    """Adds `text_ids`, those of TEXT, to what is recorded of a model."""
    path = folder / "outputs.safetensors"
    save_file({**load_file(path), "text_ids": torch.tensor(tokenizer.encode(TEXT).ids)}, path)


def record_pooled(folder: Path) -> None:
    """Adds `pooled` of each sequence."""
    path = folder / "outputs.safetensors"
    recorded = load_file(path)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval().double()
    offsets = recorded["offsets"].tolist()
    with torch.no_grad():
        pooled = [model(input_ids=recorded["ids"][begin:end].unsqueeze(0), token_type_ids=recorded["segments"][begin:end].unsqueeze(0)).pooler_output
                  for begin, end in zip(offsets, offsets[1:])]
    save_file({**recorded, "pooled": torch.cat(pooled).float()}, path)


def make(folder: Path) -> None:
    write_distilbert(folder / "distilbert-mlm")
    write_electra_generator(folder / "electra-generator")
    write_electra_discriminator(folder / "electra-discriminator")
    write_albert(folder / "albert")
    write_camembert(folder / "camembert")
    write_mpnet(folder / "mpnet")
    write_deberta_v3(folder / "deberta-v3")
    write_deberta_v2(folder / "deberta-v2")
    write_modernbert(folder / "modernbert")
    for name, seed, segmented in ("distilbert-mlm", 221, False), ("electra-generator", 222, True):
        record_language_model(folder / name, AutoModelForMaskedLM, seed, segmented, lift=torch.nn.Module.double)
    record_encoder(folder / "electra-discriminator", 223)
    for name, seed, segmented, attention in (
        ("albert", 224, True, "sdpa"), ("camembert", 225, False, "sdpa"), ("mpnet", 226, False, "eager"),
        ("deberta-v3", 227, False, "eager"), ("deberta-v2", 228, True, "eager"), ("modernbert", 229, False, "sdpa"),
    ):
        record_language_model(folder / name, AutoModelForMaskedLM, seed, segmented, torch.nn.Module.double, attention)
    record_pooled(folder / "albert")
    record_text(folder / "camembert", tiny_tokenizers.camembert_like())
