"""make_corpus.py: writes the binary inputs in corpus/: safetensors files, adapters, a GGUF file, SentencePiece models, shared libraries,
plugin archives.

Each is about the smallest input that its parser accepts. Other files in corpus/ are written by hand or are findings, and are kept.
"""

import gzip
import hashlib
import io
import json
import math
import struct
import tarfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"


def write(name: str, content: bytes) -> None:
    (CORPUS / name).parent.mkdir(parents=True, exist_ok=True)
    (CORPUS / name).write_bytes(content)


# safetensors: https://github.com/huggingface/safetensors#format


def safetensors(header: dict, data: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype: str, shape: list[int], begin: int, end: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def make_safetensors() -> None:
    write("safetensors/two-tensors", safetensors(
        {"__metadata__": {"format": "pt"}, "a": tensor("F32", [2, 1], 0, 8), "b": tensor("BOOL", [3], 8, 11)}, bytes(8) + b"\1\0\1"))
    write("safetensors/every-type", safetensors(
        {name: tensor(name, [1], 8 * i, 8 * i + size) for i, (name, size) in enumerate([("F64", 8), ("I64", 8)])}
        | {"half": tensor("BF16", [4], 16, 24), "none": tensor("F16", [0, 9], 24, 24), "one": tensor("U8", [], 24, 25)}, bytes(25)))


# PEFT's adapters: the configuration on one line, then a safetensors file


def adapter(name: str, kind: str, task: str, shapes: dict[str, list[int]], **more) -> None:
    config = {"peft_type": kind, "task_type": task, "peft_version": "0.21.2", "base_model_name_or_path": "tiny", "num_virtual_tokens": 2,
              "num_transformer_submodules": 1, "num_layers": 1, "num_attention_heads": 1, "token_dim": 2, "inference_mode": True} | more
    header, end = {}, 0
    for tensor_name, shape in shapes.items():
        begin, end = end, end + 4 * math.prod(shape)
        header[tensor_name] = tensor("F32", shape, begin, end)
    write("adapter/" + name, json.dumps(config).encode() + b"\n" + safetensors(header, struct.pack("<f", 0.5) * (end // 4)))


def make_adapters() -> None:
    rows = {"prompt_embeddings": [2, 2]}
    adapter("prompt", "PROMPT_TUNING", "CAUSAL_LM", rows)
    adapter("p-tuning-and-embeddings", "P_TUNING", "CAUSAL_LM", rows | {"base_model.model.embed_tokens.weight": [3, 2]})
    adapter("two-stacks", "PROMPT_TUNING", "SEQ_2_SEQ_LM", {"prompt_embeddings": [4, 2]}, num_transformer_submodules=2)
    adapter("prefix-and-classifier", "PREFIX_TUNING", "SEQ_CLS",
            {"prompt_embeddings": [2, 4], "base_model.score.weight": [3, 2]}, modules_to_save=["classifier", "score"])
    adapter("words", "PREFIX_TUNING", "TOKEN_CLS",
            {"prompt_embeddings": [2, 4], "base_model.classifier.bias": [2], "base_model.classifier.weight": [2, 2]}, id2label={"0": "a", "1": "b"})
    adapter("multitask", "MULTITASK_PROMPT_TUNING", "CAUSAL_LM",
            rows | {"prefix_task_cols": [2, 2, 1], "prefix_task_rows": [2, 1, 2]}, num_tasks=2, num_ranks=1)
    adapter("older", "PROMPT_TUNING", "CAUSAL_LM", rows, peft_version=None, num_layers=None, token_dim=None)


# GGUF: ggml's docs/gguf.md

UINT32, INT32, FLOAT, BOOL, TEXT, LIST = 4, 5, 6, 7, 8, 9


def gguf_text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def pair(key: str, kind: int, value) -> bytes:
    head = gguf_text(key) + struct.pack("<I", kind)
    if kind == TEXT:
        return head + gguf_text(value)
    if kind == LIST:
        texts = isinstance(value[0], str)
        items = b"".join(gguf_text(item) if texts else struct.pack("<i", item) for item in value)
        return head + struct.pack("<IQ", TEXT if texts else INT32, len(value)) + items
    return head + struct.pack({UINT32: "<I", FLOAT: "<f", BOOL: "<B"}[kind], value)


def gguf(pairs: list[bytes], tensors: dict[str, tuple[list[int], int, int]], version: int = 3) -> bytes:
    """Tensors: shape with the fastest dimension first, type, bytes. Float32 tensors are filled with ones."""
    infos, size = b"", 0
    for name, (shape, kind, count) in tensors.items():
        infos += gguf_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, size)
        size += count + -count % 32
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + infos
    return head + bytes(-len(head) % 32) + struct.pack("<f", 1.0) * (size // 4)


def make_gguf() -> None:
    sizes = {"embedding_length": 4, "block_count": 1, "attention.head_count": 2, "feed_forward_length": 4, "context_length": 8}
    tokens = ["<s>", "a", "b", "ab"]
    common = [pair("tokenizer.ggml.tokens", LIST, tokens), pair("tokenizer.ggml.token_type", LIST, [3, 1, 1, 1]),
              pair("tokenizer.ggml.bos_token_id", UINT32, 0)]
    square = ([4, 4], 0, 64)
    layer = {f"blk.0.{name}.weight": square for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")}
    norms = {name + ".weight": ([4], 0, 16) for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm")}
    write("gguf/llama", gguf(
        [pair("general.architecture", TEXT, "llama"), *(pair("llama." + key, UINT32, value) for key, value in sizes.items()),
         pair("llama.attention.layer_norm_rms_epsilon", FLOAT, 1e-5), pair("tokenizer.ggml.model", TEXT, "gpt2"),
         pair("tokenizer.ggml.pre", TEXT, "smollm"), pair("tokenizer.ggml.merges", LIST, ["a b"]),
         pair("tokenizer.ggml.add_bos_token", BOOL, 1), *common], {"token_embd.weight": ([4, 4], 0, 64), **layer, **norms}))
    # Other metadata that a file may have.
    more = {"attention.head_count_kv": 1, "attention.key_length": 2, "rope.dimension_count": 2, "expert_count": 0}
    write("gguf/qwen2", gguf(
        [pair("general.architecture", TEXT, "qwen2"), *(pair("qwen2." + key, UINT32, value) for key, value in (sizes | more).items()),
         pair("qwen2.attention.layer_norm_rms_epsilon", FLOAT, 1e-5), pair("qwen2.rope.freq_base", FLOAT, 1e4),
         pair("qwen2.rope.scaling.type", TEXT, "linear"), pair("qwen2.rope.scaling.factor", FLOAT, 2.0),
         pair("tokenizer.ggml.model", TEXT, "gpt2"), pair("tokenizer.ggml.pre", TEXT, "qwen2"), pair("tokenizer.ggml.merges", LIST, ["a b"]),
         pair("tokenizer.ggml.eos_token_id", UINT32, 0), pair("tokenizer.ggml.padding_token_id", UINT32, 0), *common],
        {"token_embd.weight": ([4, 4], 0, 64), "output_norm.weight": ([4], 0, 16), "rope_freqs.weight": ([1], 0, 4),
         "blk.0.attn_q.weight": square, "blk.0.attn_k.weight": ([4, 2], 0, 32), "blk.0.attn_k.bias": ([2], 0, 8)}))
    # Head sizes whose product overflows.
    vast = sizes | {"attention.head_count": 2**32 - 1, "attention.key_length": 2**32 - 2}
    write("gguf/heads-beyond-all", gguf(
        [pair("general.architecture", TEXT, "llama"), *(pair("llama." + key, UINT32, value) for key, value in vast.items()),
         pair("llama.attention.layer_norm_rms_epsilon", FLOAT, 1e-5), pair("tokenizer.ggml.model", TEXT, "gpt2"),
         pair("tokenizer.ggml.pre", TEXT, "smollm"), pair("tokenizer.ggml.merges", LIST, ["a b"]), *common],
        {"token_embd.weight": ([4, 4], 0, 64), "blk.0.attn_q.weight": square}))
    # Quantised blocks of 32 or 256 numbers, in tensors that no model uses.
    write("gguf/quantised", gguf(
        [pair("general.architecture", TEXT, "bert"), pair("general.alignment", UINT32, 32), pair("tokenizer.ggml.model", TEXT, "bert"),
         pair("tokenizer.ggml.tokens", LIST, ["[UNK]", "[CLS]", "[SEP]", "\N{LOWER ONE EIGHTH BLOCK}a", "b"])],
        {"q4": ([32], 2, 18), "q8": ([32], 8, 34), "q4_1": ([32], 3, 20), "q5": ([32], 6, 22), "q4_k": ([256], 12, 144), "q6_k": ([256], 14, 210)}, 2))


# SentencePiece: sentencepiece_model.proto, in protobuf's encoding


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def piece(text: str, score: float, kind: int = 1) -> bytes:
    return message(1, message(1, text.encode()) + b"\x15" + struct.pack("<f", score) + b"\x18" + varint(kind))


def make_sentencepiece() -> None:
    space = "\N{LOWER ONE EIGHTH BLOCK}"
    letters = [piece(text, -float(i)) for i, text in enumerate([space, "a", "b", "c", "ab", space + "a"], 1)]
    # A map from A to a: the trie's root leads by byte 0x41 to a leaf, whose value is an offset into the texts after it.
    trie = struct.pack("<I", 1 << 10) + bytes(4 * (1 ^ 0x41) - 4)
    trie += struct.pack("<I", 0x41 | 1 << 8 | 1 << 10) + struct.pack("<I", 1 << 31)
    charmap = struct.pack("<I", len(trie)) + trie + b"a\0"
    letters.append(piece("<a>", 0, 4))  # user-defined
    special = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("</s>", 0, 3)
    write("sentencepiece/unigram", special + b"".join(letters) + message(2, b"\x18\x01") + message(3, message(2, charmap)))
    write("sentencepiece/bpe", special + piece("<0x41>", 0, 6) + b"".join(letters) + message(2, b"\x18\x02" + varint(35 << 3) + b"\1"))


# A shared library: System V gABI, and sdk/include/cuecard/plugin.h


class Library:
    """One loadable segment whose addresses are offsets into the file."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.relocations: list[tuple[int, int]] = []
        self.texts: dict[str, int] = {}

    def put(self, content: bytes) -> int:
        self.bytes += bytes(-len(self.bytes) % 8)
        self.bytes += content
        return len(self.bytes) - len(content)

    def text(self, value: str) -> int:
        if value not in self.texts:
            self.texts[value] = self.put(value.encode() + b"\0")
        return self.texts[value]

    def struct(self, form: str, *fields) -> int:
        """Fields that are lists of one address are pointers, which the loader relocates."""
        at = self.put(struct.pack("<" + form, *(0 if isinstance(field, list) else field for field in fields)))
        for i, field in enumerate(fields):
            if isinstance(field, list):
                self.relocations.append((at + struct.calcsize("<" + form[:i]), field[0]))
        return at

    def manifest(self, components: int = 1) -> int:
        text = lambda value: [self.text(value)]
        option = self.struct("QIIQddQQQ", text("length"), 2, 1, text("20"), 1.0, 100.0, text(""), text("tokens"), text("a paper"))
        texts = text("tiny"), text("a tuner" if components == 1 else "long" * 1800), text(""), text("PROMPT_TUNING")
        structs = [self.struct("IIIIIIQQQQQQQQ", 4, 3, 2, 1, 64, 0, *texts, [option], [64], [64], 0) for _ in range(components)]
        return self.struct("QIIIIQIIIIIIIIQQQQQQ", 0x3164726163657563, 112, 3, 0, 1, 0x020F000000000000, 2, 15, 0, 202002, 1, 5, components, 88,
                           text("tiny"), text("1.0"), text("Apache-2.0"), text("C++"), text(""), [structs[0]])

    def finished(self, gnu_hash: bool, packed: bool, components: int = 1, claimed: int = 0, segments: int = 1) -> bytes:
        """`claimed`: a false size of the relocations. `segments`: their number; each maps the whole file again."""
        self.bytes = bytearray(64 + 56 * (segments + 1))
        manifest = self.manifest(components)
        names = b"\0cuecard_plugin\0"
        strings = self.put(names)
        symbols = self.put(bytes(24) + struct.pack("<IBBHQQ", 1, 1 << 4 | 1, 0, 1, manifest, 112))
        dynamic = [(5, strings), (10, len(names)), (6, symbols), (11, 24)]
        if gnu_hash:
            value = 5381
            for c in b"cuecard_plugin":
                value = value * 33 + c & 0xFFFFFFFF
            dynamic.append((0x6FFFFEF5, self.put(struct.pack("<IIIIQII", 1, 1, 1, 0, 2**64 - 1, 1, value | 1))))
        else:
            dynamic.append((4, self.put(struct.pack("<IIIII", 1, 2, 1, 0, 0))))
        if packed:
            for at, to in self.relocations:
                struct.pack_into("<Q", self.bytes, at, to)
            words = sorted(at for at, _ in self.relocations)
            table = self.put(struct.pack(f"<{len(words)}Q", *words))
            dynamic += [(36, table), (35, 8 * len(words)), (37, 8)]
        else:
            entries = b"".join(struct.pack("<QQq", at, 8, to) for at, to in self.relocations)
            dynamic += [(7, self.put(entries)), (8, claimed or len(entries)), (9, 24)]
        table = b"".join(struct.pack("<QQ", *entry) for entry in dynamic + [(0, 0)])
        at, size = self.put(table), len(table)
        whole = len(self.bytes)
        self.bytes[:64] = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, 62, 1, 0, 64, 0, 0, 64, 56, segments + 1, 0, 0, 0)
        for i in range(segments):
            struct.pack_into("<IIQQQQQQ", self.bytes, 64 + 56 * i, 1, 6, 0, i * whole, i * whole, whole, whole, 8)
        struct.pack_into("<IIQQQQQQ", self.bytes, 64 + 56 * segments, 2, 6, at, at, at, size, size, 8)
        return bytes(self.bytes)


def make_libraries() -> None:
    write("library/gnu-hash", Library().finished(gnu_hash=True, packed=False))
    write("library/sysv-hash-packed", Library().finished(gnu_hash=False, packed=True))
    write("library/one-text-many-times", Library().finished(gnu_hash=True, packed=True, components=40))
    write("library/many-segments", Library().finished(gnu_hash=True, packed=False, segments=70))
    write("library/relocations-without-end", Library().finished(gnu_hash=True, packed=False, claimed=2**60))


# Plugin archives: registry/archive_format.md. Mostly without gzip, behind whose checksum no change would be seen.


def plugin_archive(signature: bytes = b"", pax: bool = False) -> bytes:
    files = {"LICENSE": b"MIT\n", "README.md": b"# tiny\n", "tiny.json": b"{}\n", "tiny.so": b"\x7fELF" + bytes(60)}
    listed = [{"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()]
    contents = json.dumps({"format": "cuecard-plugin/1", "id": "tiny", "version": "1.0", "files": listed}).encode()
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT if pax else tarfile.USTAR_FORMAT) as tar:
        for name, data in ({"CONTENTS": contents} | ({"SIGNATURE": signature} if signature else {}) | files).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            if pax:
                member.pax_headers = {"comment": "none"}
            tar.addfile(member, io.BytesIO(data))
    return written.getvalue().rstrip(b"\0") + bytes(1024)


def make_plugin_archives() -> None:
    write("plugin-archive/plain", plugin_archive())
    write("plugin-archive/pax", plugin_archive(pax=True))
    write("plugin-archive/gzip", gzip.compress(plugin_archive(), mtime=0))
    write("plugin-archive/signature-of-another",
          plugin_archive(json.dumps({"key": "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=", "signature": "A" * 86 + "=="}).encode()))


if __name__ == "__main__":
    make_safetensors()
    make_adapters()
    make_gguf()
    make_sentencepiece()
    make_libraries()
    make_plugin_archives()
