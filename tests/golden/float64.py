"""Models in float64 throughout.

`model.double()` leaves some computations of transformers in float32: the norms of Llama and T5, and Llama's rotary
frequencies, angles, cosines and sines. They cause errors of 1e-7 in a float64 run, more than the 1e-8 that optimizer steps
are compared within, and the rounding of the cosines differs between processors. `lift` replaces them by float64.
"""

import types

import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding
from transformers.models.t5.modeling_t5 import T5LayerNorm


def lift(model: torch.nn.Module) -> torch.nn.Module:
    model.double()
    for module in model.modules():
        if isinstance(module, (LlamaRMSNorm, T5LayerNorm)):
            module.forward = types.MethodType(_norm, module)
        elif isinstance(module, LlamaRotaryEmbedding):
            module.forward = types.MethodType(_angles, module)
    # Eager attention computes its softmax in float32; the fused one uses the dtype of its inputs.
    model.config._attn_implementation = "sdpa"
    return model


def _norm(self, x: torch.Tensor) -> torch.Tensor:
    return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))


@torch.no_grad()
def _angles(self, x: torch.Tensor, position_ids: torch.Tensor):
    assert self.rope_type == "default" and x.dtype == torch.float64
    width = self.config.head_dim
    exponents = torch.arange(0, width, 2, dtype=torch.float64) / width
    frequencies = self.config.rope_parameters["rope_theta"] ** -exponents
    angles = position_ids[..., None].double() * frequencies
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()
