"""What the golden scripts share: reproducible inputs, one stage, the writer.

Inputs are drawn with numpy's PCG64 and rounded to float32 before they become
float64, so that code working in float32 starts from exactly the same numbers.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
import torch
import torch.nn.functional as F
from safetensors.torch import save

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
ACTIVATIONS = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
    "identity": lambda x: x,
}
POOLS = {
    "max": F.max_pool2d,
    "average": F.avg_pool2d,
    "none": lambda x, size: x,
}

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)


class Draw:
    """Normal samples, exact in float32, from one seeded stream."""

    def __init__(self, seed):
        self.stream = np.random.default_rng(seed)

    def __call__(self, *shape, scale=1.0):
        values = scale * self.stream.standard_normal(shape)
        return torch.from_numpy(values.astype(np.float32).astype(np.float64))


def conv_stage(case, x, weight, bias):
    """Units after pooling [B, n], and how far the nearest kink is.

    The distance is infinite for a smooth stage. Above the rounding of
    float32, every precision takes the same side of each ReLU and the same
    winner of each pooling window.
    """
    (c, h, w), k = case["input"], case["kernel"]
    pre = F.conv2d(x.reshape(-1, c, h, w), weight.reshape(-1, c, k, k),
                   bias.reshape(-1), case["stride"], case["padding"])
    active = ACTIVATIONS[case["activation"]](pre)
    y = POOLS[case["pool"]](active, case["pool_size"]).flatten(1)
    margin = float("inf")
    if case["activation"] == "relu":
        margin = pre.abs().min().item()
    if case["pool"] == "max":
        size = case["pool_size"]
        windows = active.unfold(2, size, size).unfold(3, size, size)
        top = windows.flatten(4).topk(2).values
        gaps = top[..., 0] - top[..., 1]
        if case["activation"] == "relu":
            gaps = gaps[top[..., 0] > 0]
        margin = min(margin, gaps.min().item())
    return y, margin


def dense_stage(case, x, weight, bias):
    """Units [B, n_out] of a dense stage."""
    return ACTIVATIONS[case["activation"]](x @ weight.T + bias)


def versions(script):
    """Where a file comes from, as a flat table of strings."""
    return {
        "made_by": f"scripts/golden/{Path(script).name}",
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "sklearn": sklearn.__version__,
    }


def out_folder(doc):
    """The folder named by --out, made if need be."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    return out


def write(path, script, tensors, **metadata):
    """A safetensors file; values of `metadata` are stored as JSON strings.

    The header is put in sorted order, since safetensors writes its metadata
    in a random one and a rerun would change the file for nothing.
    """
    table = versions(script)
    table |= {key: json.dumps(value) for key, value in metadata.items()}
    tensors = {name: t.detach().contiguous() for name, t in tensors.items()}
    blob = save(tensors, table)
    end = 8 + int.from_bytes(blob[:8], "little")
    header = json.dumps(json.loads(blob[8:end]), sort_keys=True,
                        separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + blob[end:])
    print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size} bytes")
