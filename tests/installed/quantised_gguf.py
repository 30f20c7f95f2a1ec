"""quantised_gguf.py FOLDER FILE: writes a Llama model as a GGUF file whose matrices are of every quantised type, with random blocks.

Sizes are those that blocks of 256 need; the vocabulary is that of FOLDER, a small model in Hugging Face layout. Layouts: ggml-common.h.
"""

import json
import random
import struct
import sys
from pathlib import Path

from tiny_gguf import ALIGNMENT, metadata, text

WIDTH, KEYS = 256, 128
# Number, elements and bytes of a block; what its float16 numbers are multiplied with to make elements around 0.05, by their places.
TYPES = {
    "F16": (1, 1, 2, {0: 0.05}), "BF16": (30, 1, 2, {}), "Q8_0": (8, 32, 34, {0: 7e-4}), "Q4_0": (2, 32, 18, {0: 0.011}),
    "Q4_1": (3, 32, 20, {0: 0.01, 2: 0.07}), "Q5_0": (6, 32, 22, {0: 5e-3}), "Q5_1": (7, 32, 24, {0: 5e-3, 2: 0.07}),
    "Q2_K": (10, 256, 84, {80: 4e-3, 82: 4e-3}), "Q3_K": (11, 256, 110, {108: 1e-3}), "Q4_K": (12, 256, 144, {0: 2e-4, 2: 1e-3}),
    "Q5_K": (13, 256, 176, {0: 1e-4, 2: 1e-3}), "Q6_K": (14, 256, 210, {208: 1e-4}), "IQ4_NL": (20, 32, 18, {0: 7e-4}),
}
LAYERS = [  # queries and keys among the types, whose rows are reordered
    {"attn_q": "Q4_K", "attn_k": "Q8_0", "attn_v": "Q2_K", "attn_output": "Q3_K", "ffn_gate": "Q4_1", "ffn_up": "Q5_K", "ffn_down": "BF16"},
    {"attn_q": "F16", "attn_k": "IQ4_NL", "attn_v": "Q5_0", "attn_output": "Q5_1", "ffn_gate": "Q4_0", "ffn_up": "Q6_K", "ffn_down": "Q3_K"},
]


def blocks(kind: str, rows: int, width: int) -> bytes:
    _, elements, size, scales = TYPES[kind]
    data = bytearray()
    for _ in range(rows * width // elements):
        block = bytearray(struct.pack("<f", random.gauss(0, 0.05))[2:] if kind == "BF16" else random.randbytes(size))
        for place, scale in scales.items():
            block[place : place + 2] = struct.pack("<e", random.gauss(0, 1) * scale if len(scales) == 1 else scale)
        data += block
    return bytes(data)


def main() -> None:
    random.seed(7)
    folder, path = Path(sys.argv[1]), Path(sys.argv[2])
    config = json.loads((folder / "config.json").read_text()) | {
        "hidden_size": WIDTH, "num_hidden_layers": len(LAYERS), "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 64,
        "intermediate_size": WIDTH}
    pairs = metadata(config, json.loads((folder / "tokenizer.json").read_text()))
    tensors = [("token_embd", "Q6_K", config["vocab_size"]), ("output", "Q4_K", config["vocab_size"]), ("output_norm", "F32", 1)]
    for number, layer in enumerate(LAYERS):
        tensors += [(f"blk.{number}.{name}", kind, KEYS if name in ("attn_k", "attn_v") else WIDTH) for name, kind in layer.items()]
        tensors += [(f"blk.{number}.{name}", "F32", 1) for name in ("attn_norm", "ffn_norm")]
    infos, data = b"", b""
    for name, kind, rows in tensors:
        shape = [WIDTH] if kind == "F32" else [WIDTH, rows]
        infos += text(name + ".weight") + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, 0 if kind == "F32" else TYPES[kind][0], len(data))
        payload = struct.pack(f"<{WIDTH}f", *(random.gauss(1, 0.1) for _ in range(WIDTH))) if kind == "F32" else blocks(kind, rows, WIDTH)
        data += payload + bytes(-len(payload) % ALIGNMENT)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + infos
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + data)


if __name__ == "__main__":
    main()
