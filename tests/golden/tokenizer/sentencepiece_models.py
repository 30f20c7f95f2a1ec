"""Small SentencePiece models, trained on generated text, and their contents in the format of the `tokenizers` package."""

import io
import tempfile

import sentencepiece

# Source and result, in hexadecimal: wide letters, ligatures, spaces, what is dropped, and pairs of characters.
RULES = [(f"{0xFF21 + n:X}", f"{0x41 + n:X}") for n in range(26)] + [
    ("FB01", "66 69"), ("2026", "2E 2E 2E"), ("A0", "20"), ("3000", "20"), ("9", "20"), ("D A", "20"), ("200B", ""), ("1", ""),
    ("61 301", "E1"), ("65 301", "E9"), ("1100 1161", "AC00"), ("212B", "C5"), ("1F1E9 1F1EA", "44 45"), ("F71", "F71 F72"),
]  # fmt: skip


def trained(lines, **settings) -> bytes:
    """The bytes of a `.model` file."""
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rules:
        rules.writelines(f"{source}\t{result}\n" for source, result in RULES)
        rules.flush()
        if settings.pop("rules", False):
            settings["normalization_rule_tsv"] = rules.name
        else:
            settings["normalization_rule_name"] = "identity"
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, hard_vocab_limit=False, num_threads=1, minloglevel=2, **settings
        )
    return model.getvalue()


def fields(message: bytes):
    """(number, value) of a protocol buffer's fields: whole numbers and bytes."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
            continue
        length = {1: 8, 5: 4}.get(key & 7) or number()
        yield key >> 3, message[at : at + length]
        at += length


def character_map(model: bytes) -> bytes:
    normalizer = next(value for number, value in fields(model) if number == 3)
    return next((value for number, value in fields(normalizer) if number == 2), b"")


def pieces(model: bytes) -> list[tuple[str, float]]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [(processor.id_to_piece(id), processor.get_score(id)) for id in range(processor.get_piece_size())]


def unigram(lines) -> bytes:
    """As T5's: padding, end, unknown, then pieces."""
    return trained(
        lines, vocab_size=300, model_type="unigram", rules=True, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=0.999
    )


def bpe(lines) -> bytes:
    """As Llama 2's: unknown, beginning, end, bytes, then pieces."""
    return trained(
        lines, vocab_size=620, model_type="bpe", byte_fallback=True, remove_extra_whitespaces=False, user_defined_symbols=["<user>"]
    )
