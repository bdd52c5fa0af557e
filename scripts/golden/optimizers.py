"""optimizers.safetensors: where torch's optimisers go under given gradients.

Seven parameters take twelve steps with gradients that do not depend on them.
Coordinate 4 has gradients near 1e-8, the size of Adam's epsilon, so where the
epsilon stands shows; coordinate 5 has gradients near 10; coordinate 6 has zero
gradients at first and every third step after.

Made with torch 2.15.0, numpy 2.4.6, safetensors 0.8.0; every file names its
own versions. Rerun: python scripts/golden/optimizers.py [--out FOLDER]
"""
import torch

from common import Draw, out_folder, write

STEPS, SIZE = 12, 7
SGD = {"optimizer": "SGD", "lr": 0.1, "momentum": 0.0, "dampening": 0.0,
       "nesterov": False, "weight_decay": 0.0}
MOMENTUM = SGD | {"momentum": 0.9}
NESTEROV = MOMENTUM | {"nesterov": True}
ADAM = {"optimizer": "Adam", "lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8,
        "weight_decay": 0.0}
CASES = {
    "sgd": SGD,
    "sgd_momentum": MOMENTUM,
    "sgd_nesterov": NESTEROV,
    "sgd_momentum_decay": MOMENTUM | {"weight_decay": 5e-3},
    "sgd_nesterov_decay": NESTEROV | {"weight_decay": 5e-3},
    "adam": ADAM,
    "adam_decay": ADAM | {"lr": 1e-2, "weight_decay": 5e-3},
    "adamw": ADAM | {"optimizer": "AdamW", "lr": 1e-2, "weight_decay": 0.1},
}


def trajectory(case, start, gradients):
    options = {k: v for k, v in case.items() if k != "optimizer"}
    position = start.clone().requires_grad_()
    kind = getattr(torch.optim, case["optimizer"])
    optimizer = kind([position], foreach=False, **options)
    positions = []
    for gradient in gradients:
        position.grad = gradient.clone()
        optimizer.step()
        positions.append(position.detach().clone())
    return torch.stack(positions)


def main():
    out, draw = out_folder(__doc__), Draw(400)
    start = draw(SIZE)
    scale = torch.tensor([1, 1, 1e-3, 0.1, 1e-8, 10, 1])
    gradients = (draw(STEPS, SIZE) * scale).float().double()
    gradients[::3, 6] = 0
    tensors = {"start": start, "gradients": gradients}
    for name, case in CASES.items():
        tensors[name] = trajectory(case, start, gradients)
    write(out / "optimizers.safetensors", __file__, tensors, **CASES)


if __name__ == "__main__":
    main()
