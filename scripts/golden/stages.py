"""stages.safetensors: one convolutional or dense stage at a time, by autograd.

For each case: inputs, parameters, the signal `delta` on the stage's output
units, the output `y` and the gradients of sum(y * delta) over batch and units.
A convolutional stage is conv + bias, activation, pooling (stride = pool size,
no padding, incomplete windows dropped), its units flattened [c, h, w].

Made with torch 2.15.0, numpy 2.4.6, safetensors 0.8.0; every file names its
own versions. Rerun: python scripts/golden/stages.py [--out FOLDER]
"""
import torch

from common import Draw, conv_stage, dense_stage, out_folder, write

CONV = [  # input, channels, kernel, stride, padding, activation, pool, size
    ([3, 8, 8], 4, 3, 1, 1, "relu", "max", 2),
    ([2, 6, 9], 3, 3, 1, 0, "tanh", "average", 2),
    ([1, 7, 5], 5, 1, 1, 0, "gelu", "none", 2),
    ([4, 9, 7], 3, 5, 1, 2, "identity", "max", 3),
    ([2, 11, 8], 4, 3, 2, 1, "gelu", "average", 2),
    ([3, 10, 7], 4, 5, 2, 0, "relu", "none", 2),
    ([2, 8, 6], 3, 1, 2, 0, "tanh", "max", 2),
    ([2, 6, 12], 3, 3, 1, 2, "relu", "average", 3),
    ([5, 5, 7], 2, 5, 2, 2, "tanh", "none", 2),
    ([2, 9, 9], 3, 3, 1, 1, "gelu", "max", 3),
    ([3, 7, 8], 3, 3, 2, 1, "identity", "average", 2),
    ([3, 9, 6], 4, 5, 1, 1, "relu", "max", 3),
]
DENSE = [  # inputs, outputs, activation
    (9, 6, "relu"),
    (5, 11, "gelu"),
    (8, 4, "tanh"),
]
KEYS = ["input", "channels", "kernel", "stride", "padding", "activation",
        "pool", "pool_size"]
MARGIN = 1e-4


def record(x, weight, bias, forward, draw):
    leaves = [t.requires_grad_() for t in (x, weight, bias)]
    y = forward(*leaves)
    delta = draw(*y.shape)
    gradients = torch.autograd.grad((y * delta).sum(), leaves)
    names = ["gradient_input", "gradient_weight", "gradient_bias"]
    return {"x": x, "weight": weight, "bias": bias, "delta": delta, "y": y,
            **dict(zip(names, gradients))}


def conv(case, draw):
    (c, h, w), k, channels = case["input"], case["kernel"], case["channels"]

    def forward(*leaves):
        y, margin = conv_stage(case, *leaves)
        assert margin > MARGIN, f"{case}: a kink at {margin:.1e}, reseed"
        return y

    return record(draw(3, c * h * w),
                  draw(channels, c * k * k, scale=(c * k * k) ** -0.5),
                  draw(1, channels, scale=0.3), forward, draw)


def dense(case, draw):
    n_in, n_out = case["inputs"], case["outputs"]
    return record(draw(4, n_in), draw(n_out, n_in, scale=n_in ** -0.5),
                  draw(1, n_out, scale=0.3),
                  lambda *leaves: dense_stage(case, *leaves), draw)


def main():
    out, tensors, cases = out_folder(__doc__), {}, {}
    for i, values in enumerate(CONV):
        case = dict(zip(KEYS, values))
        cases[f"conv.{i}"] = case, conv(case, Draw(100 + i))
    for i, values in enumerate(DENSE):
        case = dict(zip(["inputs", "outputs", "activation"], values))
        cases[f"dense.{i}"] = case, dense(case, Draw(200 + i))
    for name, (_, made) in cases.items():
        tensors |= {f"{name}.{key}": value for key, value in made.items()}
    write(out / "stages.safetensors", __file__, tensors,
          **{name: case for name, (case, _) in cases.items()})


if __name__ == "__main__":
    main()
