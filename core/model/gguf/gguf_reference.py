"""Prints the expected values in gguf_smollm2_test.cpp for SmolLM2-135M-Instruct.Q4_1.gguf.

    python gguf_reference.py FILE.gguf

Needs torch, transformers and gguf. Weights are those that transformers dequantises and reorders to Hugging
Face layout. The digest covers all of them: SHA-256 over name, zero byte and float32 bytes, in name order.
"""

import hashlib
import os
import sys

import gguf
import torch
from transformers import AutoModelForCausalLM

path = sys.argv[1]
model = AutoModelForCausalLM.from_pretrained(
    os.path.dirname(path) or ".", gguf_file=os.path.basename(path), dtype=torch.float32
)
weights = {name: value for name, value in model.state_dict().items() if name != "lm_head.weight"}  # tied
digest = hashlib.sha256()
for name in sorted(weights):
    digest.update(name.encode() + b"\0" + weights[name].contiguous().numpy().tobytes())
print("tensors of the file:", len(gguf.GGUFReader(path).tensors))
print("weights:", len(weights), "digest:", digest.hexdigest())
for name in ["model.embed_tokens.weight", "model.layers.7.self_attn.q_proj.weight",
             "model.layers.29.self_attn.k_proj.weight", "model.layers.3.mlp.down_proj.weight", "model.norm.weight"]:
    value = weights[name].double()
    print(name, list(value.shape), repr(value.sum().item()), repr(value[0].sum().item()))
print({key: value for key, value in sorted(model.config.to_dict().items()) if isinstance(value, (int, float, str, dict))})
