"""The reference network spelled out over a state dict, in the plainest arithmetic there is.

It walks the keys and shares no code with the package, so that the two can only agree by both being
what the public checkpoints expect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

State = Mapping[str, Tensor]


def predict(state: State, x: Tensor, index: Tensor, label: Tensor, heads: int) -> Tensor:
    """Noise predicted for x (B, C, H, W), index (B,) and label (B,)."""
    width = state["time_embed.0.weight"].shape[1]
    time = _mlp(state, "time_embed", embed_time(index, width).to(x.dtype))
    code = torch.zeros_like(time)
    for item, value in enumerate(label.tolist()):
        if value != 2:
            row = state["label_emb.weight"][value]
            code[item] = _mlp(state, "class_emb", row[None])[0]
    hidden, skips, stage = x, [], 0
    while any(key.startswith(f"input_blocks.{stage}.") for key in state):
        hidden = _stage(state, f"input_blocks.{stage}", hidden, time + code, code, heads)
        skips.append(hidden)
        stage += 1
    hidden = _stage(state, "middle_block", hidden, time + code, code, heads)
    for stage in range(len(skips)):
        hidden = torch.cat([hidden, skips.pop()], dim=1)
        hidden = _stage(state, f"output_blocks.{stage}", hidden, time + code, code, heads)
    return conv(state, "out.2", norm(state, "out.0", hidden), padding=1)


def embed_time(index: Tensor, width: int) -> Tensor:
    rows = []
    for t in index.tolist():
        angles = [t * math.exp(-math.log(10000) * i / (width // 2)) for i in range(width // 2)]
        rows.append([math.cos(a) for a in angles] + [math.sin(a) for a in angles])
    return torch.tensor(rows, dtype=torch.float64)


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def norm(state: State, name: str, x: Tensor) -> Tensor:
    channels = x.shape[1]
    out = torch.empty_like(x)
    size = channels // 32
    for group in range(32):
        part = x[:, group * size : (group + 1) * size]
        dims = tuple(range(1, x.dim()))
        mean = part.mean(dims, keepdim=True)
        variance = ((part - mean) ** 2).mean(dims, keepdim=True)
        out[:, group * size : (group + 1) * size] = (part - mean) / torch.sqrt(variance + 1e-5)
    shape = (1, channels) + (1,) * (x.dim() - 2)
    return out * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)


def conv(state: State, name: str, x: Tensor, padding: int = 0, stride: int = 1) -> Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return torch.nn.functional.conv2d(x, weight, bias, stride=stride, padding=padding)


def pointwise(state: State, name: str, x: Tensor) -> Tensor:
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    return torch.einsum("oc,bct->bot", weight[:, :, 0], x) + bias[:, None]


def residual(state: State, name: str, x: Tensor, embedding: Tensor) -> Tensor:
    hidden = conv(state, f"{name}.in_layers.2", norm(state, f"{name}.in_layers.0", x), padding=1)
    coded = _linear(state, f"{name}.emb_layers.1", silu(embedding))[:, :, None, None]
    scale, shift = coded[:, : coded.shape[1] // 2], coded[:, coded.shape[1] // 2 :]
    hidden = silu(norm(state, f"{name}.out_layers.0", hidden) * (1 + scale) + shift)
    hidden = conv(state, f"{name}.out_layers.3", hidden, padding=1)
    skip = f"{name}.skip_connection"
    return (conv(state, skip, x) if f"{skip}.weight" in state else x) + hidden


def attention(state: State, name: str, x: Tensor, code: Tensor, heads: int) -> Tensor:
    batch, channels, height, width = x.shape
    flat = x.reshape(batch, channels, height * width)
    qkv = pointwise(state, f"{name}.qkv", norm(state, f"{name}.norm", flat))
    outer = code[:, :, None] * code[:, None, :]
    label = pointwise(state, f"{name}.encoder_kv", outer)
    d = channels // heads
    out = torch.empty_like(flat)
    for head in range(heads):
        query, key, value = (qkv[:, (3 * head + i) * d : (3 * head + i + 1) * d] for i in range(3))
        label_key, label_value = (
            label[:, (2 * head + i) * d : (2 * head + i + 1) * d] for i in range(2)
        )
        key, value = torch.cat([label_key, key], 2), torch.cat([label_value, value], 2)
        weights = torch.exp(torch.einsum("bcq,bck->bqk", query, key) / math.sqrt(d))
        weights = weights / weights.sum(2, keepdim=True)
        out[:, head * d : (head + 1) * d] = torch.einsum("bqk,bck->bcq", weights, value)
    return x + pointwise(state, f"{name}.proj_out", out).reshape(x.shape)


def _stage(
    state: State, stage: str, x: Tensor, embedding: Tensor, code: Tensor, heads: int
) -> Tensor:
    layer = 0
    while any(key.startswith(f"{stage}.{layer}.") for key in state):
        name = f"{stage}.{layer}"
        if f"{name}.in_layers.2.weight" in state:
            x = residual(state, name, x, embedding)
        elif f"{name}.qkv.weight" in state:
            x = attention(state, name, x, code, heads)
        elif f"{name}.op.weight" in state:
            x = conv(state, f"{name}.op", x, padding=1, stride=2)
        elif f"{name}.conv.weight" in state:
            doubled = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
            x = conv(state, f"{name}.conv", doubled, padding=1)
        else:
            x = conv(state, name, x, padding=1)
        layer += 1
    return x


def _linear(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def _mlp(state: State, name: str, x: Tensor) -> Tensor:
    return _linear(state, f"{name}.2", silu(_linear(state, f"{name}.0", x)))
