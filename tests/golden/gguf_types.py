"""Dequantised values of the gguf package for each supported quantised type: random bits with finite scales."""

from pathlib import Path

import gguf
import numpy
import torch
from gguf.quants import dequantize
from safetensors.torch import save_file

BLOCKS = 3
SCALES = {  # offsets of the float16 scales in a block
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "Q2_K": [80, 82], "Q3_K": [108], "IQ4_NL": [0], "F16": [0], "BF16": [],
}


def make(path: Path) -> None:
    generator = numpy.random.default_rng(401)
    tensors = {}
    for name, places in SCALES.items():
        kind = gguf.GGMLQuantizationType[name]
        _, size = gguf.GGML_QUANT_SIZES[kind]
        data = generator.integers(0, 256, (BLOCKS, size), dtype=numpy.uint8)
        for place in places:
            scales = generator.normal(0, 0.1, BLOCKS).astype(numpy.float16)
            data[:, place : place + 2] = scales.view(numpy.uint8).reshape(BLOCKS, 2)
        tensors[name + ".bytes"] = torch.from_numpy(data.reshape(-1))
        tensors[name + ".values"] = torch.from_numpy(dequantize(data, kind).reshape(-1))
    save_file(tensors, path)
