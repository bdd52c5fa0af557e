"""blocks.safetensors: the blocks of deep networks one at a time, by autograd.

For each case: the input, parameters under PyTorch's names, the signal `delta`
on the output, the output `y`, the gradients of sum(y * delta) over batch and
units, and for batch normalisation the running statistics after one step.
Images are flattened [c, h, w], tokens [token, unit].

Made with torch 2.15.0, numpy 2.4.6, safetensors 0.8.0; every file names its
own versions. Rerun: python scripts/golden/blocks.py [--out FOLDER]
"""
import torch
from torch import nn

from common import Draw, out_folder, write

IMAGE = [4, 7, 6]
POOLING = [  # kind, input, window, stride, padding
    ("max", [3, 9, 8], 3, 2, 0),
    ("max", [2, 8, 8], 3, 2, 1),
    ("max", [2, 7, 9], 2, 1, 0),
    ("average", [3, 9, 8], 3, 2, 1),
    ("average", [2, 8, 7], 4, 3, 2),
]
ADAPTIVE = [  # input, output
    ([3, 7, 5], [1, 1]),
    ([2, 7, 8], [3, 5]),
    ([2, 3, 4], [6, 4]),
]
GROUPED = [  # input, channels, kernel, stride, padding, groups, bias
    ([4, 7, 6], 4, 3, 1, 1, 4, True),
    ([4, 8, 8], 6, 3, 2, 1, 2, False),
    ([6, 5, 7], 12, 3, 2, 0, 6, True),
    ([3, 6, 6], 5, 3, 1, 1, 1, False),
]
ROWS = 3


def record(module, x, shape, draw, training):
    """Passes x through module, images or tokens of `shape`."""
    module = module.double().train(training)
    for parameter in module.parameters():
        with torch.no_grad():
            parameter.copy_(draw(*parameter.shape, scale=0.5))
    tensors = {name: p.detach().clone() for name, p in module.named_parameters()}
    tensors |= {f"before.{name}": b.clone() for name, b in module.named_buffers() if b.ndim}
    leaf = x.clone().requires_grad_()
    y = module(leaf.reshape(-1, *shape)).flatten(1)
    delta = draw(*y.shape)
    names = [name for name, _ in module.named_parameters()]
    gradients = torch.autograd.grad((y * delta).sum(), [leaf, *module.parameters()])
    tensors |= {f"after.{name}": b.clone() for name, b in module.named_buffers() if b.ndim}
    tensors |= {"x": x, "delta": delta, "y": y.detach()}
    tensors |= dict(zip(["gradient.input", *(f"gradient.{n}" for n in names)], gradients))
    # Parameters are matrices: a vector is a row, a kernel has a row per channel.
    return {k: v.reshape(v.shape[0], -1) if v.ndim > 1 else v.reshape(1, -1) for k, v in tensors.items()}


class Attend(nn.Module):
    def __init__(self, units, heads):
        super().__init__()
        self.inner = nn.MultiheadAttention(units, heads, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]

    def named_parameters(self, *args, **kwargs):
        return self.inner.named_parameters(*args, **kwargs)


def main():
    out, tensors, cases = out_folder(__doc__), {}, {}

    def add(name, case, module, shape, training=True):
        draw = Draw(1000 + len(cases))
        x = draw(ROWS, torch.Size(shape).numel())
        if isinstance(module, nn.BatchNorm2d):
            # Statistics that are not the initial ones.
            module.running_mean.copy_(draw(shape[0], scale=0.3))
            module.running_var.copy_(draw(shape[0]).square() + 0.5)
        cases[name] = {"shape": shape, "training": training, **case}
        made = record(module, x, shape, draw, training)
        tensors.update({f"{name}.{key}": value for key, value in made.items()})

    for i, (kind, shape, window, stride, padding) in enumerate(POOLING):
        case = {"kind": f"{kind}-pool", "window": window, "stride": stride, "padding": padding}
        of = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}[kind]
        add(f"pool.{i}", case, of(window, stride, padding), shape)
    for i, (shape, windows) in enumerate(ADAPTIVE):
        add(f"adaptive.{i}", {"kind": "adaptive", "windows": windows}, nn.AdaptiveAvgPool2d(windows), shape)
    for i, (shape, channels, kernel, stride, padding, groups, bias) in enumerate(GROUPED):
        case = {"kind": "grouped", "channels": channels, "kernel": kernel, "stride": stride,
                "padding": padding, "groups": groups}
        module = nn.Conv2d(shape[0], channels, kernel, stride, padding, groups=groups, bias=bias)
        add(f"grouped.{i}", case, module, shape)
    for training in (True, False):
        name = "training" if training else "evaluation"
        norm = nn.BatchNorm2d(IMAGE[0], eps=1e-5, momentum=0.1).double()
        add(f"batch.{name}", {"kind": "batch-norm", "epsilon": 1e-5, "momentum": 0.1}, norm, IMAGE, training)
    for groups in (1, 2, 4):
        case = {"kind": "group-norm", "groups": groups, "epsilon": 1e-5}
        add(f"group.{groups}", case, nn.GroupNorm(groups, IMAGE[0]), IMAGE)
    add("layer", {"kind": "layer-norm", "epsilon": 1e-6}, nn.LayerNorm(8, eps=1e-6), [5, 8])
    for heads in (1, 2, 4):
        add(f"attention.{heads}", {"kind": "attention", "heads": heads}, Attend(8, heads), [5, 8])
    add("tokens", {"kind": "dense-tokens"}, nn.Sequential(nn.Linear(8, 6), nn.GELU()), [5, 8])
    write(out / "blocks.safetensors", __file__, tensors, **cases)


if __name__ == "__main__":
    main()
