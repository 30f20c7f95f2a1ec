"""tiny_gguf.py FOLDER FILE: writes a small Llama model in Hugging Face layout as a GGUF file, as llama.cpp's converter would.

Format: ggml's docs/gguf.md. Norms and token embeddings are F32, the other matrices F16; the rows of each head's query and
key weights are permuted for llama.cpp's rotary embedding: halves become interleaved pairs.
"""

import array
import json
import math
import struct
import sys
from pathlib import Path

NAMES = {"input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
         "self_attn.o_proj": "attn_output", "post_attention_layernorm": "ffn_norm", "mlp.gate_proj": "ffn_gate",
         "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down"}
WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
ALIGNMENT = 32
INTEGER, FLOAT, TEXT, LIST = 4, 6, 8, 9


def read_safetensors(path: Path) -> dict[str, tuple[list[int], array.array]]:
    """Tensors in float32 by name: shape, numbers."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            assert entry["dtype"] == "F32", entry
            begin, end = entry["data_offsets"]
            tensors[name] = (entry["shape"], array.array("f", data[8 + length + begin : 8 + length + end]))
    return tensors


def interleaved(numbers: array.array, rows: int, heads: int) -> array.array:
    """Row `half * d/2 + i` of a head becomes row `2 i + half`."""
    width, size = len(numbers) // rows, rows // heads
    result = array.array("f")
    for head in range(heads):
        for i in range(size // 2):
            for half in range(2):
                row = head * size + half * (size // 2) + i
                result += numbers[row * width : (row + 1) * width]
    return result


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, kind: int, value) -> bytes:
    if kind == TEXT:
        return text(key) + struct.pack("<I", kind) + text(value)
    if kind == LIST:
        inner = TEXT if isinstance(value[0], str) else 5
        items = b"".join(text(item) if inner == TEXT else struct.pack("<i", item) for item in value)
        return text(key) + struct.pack("<IIQ", kind, inner, len(value)) + items
    return text(key) + struct.pack("<I" + ("I" if kind == INTEGER else "f"), kind, value)


def metadata(config: dict, tokenizer: dict) -> list[bytes]:
    vocabulary = sorted(tokenizer["model"]["vocab"], key=tokenizer["model"]["vocab"].get)
    special = {token["id"] for token in tokenizer["added_tokens"]}
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    return [
        entry("general.architecture", TEXT, "llama"),
        entry("llama.embedding_length", INTEGER, config["hidden_size"]),
        entry("llama.block_count", INTEGER, config["num_hidden_layers"]),
        entry("llama.attention.head_count", INTEGER, config["num_attention_heads"]),
        entry("llama.attention.head_count_kv", INTEGER, config["num_key_value_heads"]),
        entry("llama.attention.key_length", INTEGER, config["head_dim"]),
        entry("llama.rope.dimension_count", INTEGER, config["head_dim"]),
        entry("llama.feed_forward_length", INTEGER, config["intermediate_size"]),
        entry("llama.context_length", INTEGER, config["max_position_embeddings"]),
        entry("llama.attention.layer_norm_rms_epsilon", FLOAT, config["rms_norm_eps"]),
        entry("llama.rope.freq_base", FLOAT, theta),
        entry("tokenizer.ggml.model", TEXT, "gpt2"),
        entry("tokenizer.ggml.pre", TEXT, "smollm"),
        entry("tokenizer.ggml.tokens", LIST, vocabulary),
        entry("tokenizer.ggml.token_type", LIST, [3 if i in special else 1 for i in range(len(vocabulary))]),
        entry("tokenizer.ggml.merges", LIST, [" ".join(pair) for pair in tokenizer["model"]["merges"]]),
        entry("tokenizer.ggml.bos_token_id", INTEGER, config["bos_token_id"]),
        entry("tokenizer.ggml.eos_token_id", INTEGER, config["eos_token_id"]),
    ]


def stored(name: str, shape: list[int], numbers: array.array, config: dict) -> tuple[str, int, bytes]:
    """A tensor's name in the file, its type, its bytes."""
    stem, tail = name.rsplit(".", 1)
    if stem in WHOLE:
        name = WHOLE[stem]
    else:
        layer, stem = stem.removeprefix("model.layers.").split(".", 1)
        heads = {"self_attn.q_proj": "num_attention_heads", "self_attn.k_proj": "num_key_value_heads"}.get(stem)
        if heads:
            numbers = interleaved(numbers, shape[0], config[heads])
        name = f"blk.{layer}.{NAMES[stem]}"
    if len(shape) == 1 or name == "token_embd":
        return f"{name}.{tail}", 0, numbers.tobytes()
    return f"{name}.{tail}", 1, struct.pack(f"<{len(numbers)}e", *numbers)


def main() -> None:
    folder, path = Path(sys.argv[1]), Path(sys.argv[2])
    config = json.loads((folder / "config.json").read_text())
    pairs = metadata(config, json.loads((folder / "tokenizer.json").read_text()))
    infos, data = b"", b""
    tensors = read_safetensors(folder / "model.safetensors")
    for name, (shape, numbers) in tensors.items():
        assert math.prod(shape) == len(numbers)
        name, kind, payload = stored(name, shape, numbers, config)
        infos += text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *reversed(shape), kind, len(data))
        data += payload + bytes(-len(payload) % ALIGNMENT)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + infos
    path.write_bytes(head + bytes(-len(head) % ALIGNMENT) + data)


if __name__ == "__main__":
    main()
