"""architectures.json: logits and gradients of deep networks, by torchvision.

Weights are not stored: both sides make them by the same formula (`numbers`),
so that networks of any size can be compared. For each case: the logits in
evaluation and in training, the running statistics' sum after one training
pass, and for each parameter the sum of its gradient times the formula's
numbers, where the loss is sum(logits * delta).

Residual networks for small images are written out here, since torchvision has
none; their names are those in common use (conv1, layer1.0.bn2, linear).

Made with torch 2.15.0, torchvision 0.29.2, in float64. Rerun:
python scripts/golden/architectures.py [--out FOLDER]
"""
import argparse
import json

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from common import GOLDEN

torch.set_num_threads(2)
torch.set_default_dtype(torch.float64)
OUTPUTS = 5


def numbers(count, key):
    """Numbers in [-1, 1) that any language makes alike, exact in float32."""
    i = np.arange(count, dtype=np.uint64) + np.uint64(1) + np.uint64(key) * np.uint64(2**33)
    i = i * np.uint64(0x9E3779B97F4A7C15)
    i = (i ^ (i >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
    i = i ^ (i >> np.uint64(32))
    return (i >> np.uint64(41)).astype(np.float64) / 2.0**22 - 1.0


def tensor(shape, key, scale=1.0, shift=0.0):
    values = numbers(int(np.prod(shape)), key) * scale + shift
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


class Skip(nn.Module):
    def __init__(self, silent):
        super().__init__()
        self.silent = silent

    def forward(self, x):
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.silent, self.silent))


class Basic(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.skip = Skip((channels - inputs) // 2) if stride != 1 else nn.Identity()

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.skip(x))


class Small(nn.Module):
    def __init__(self, blocks, width=16):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for group in range(3):
            channels = width << group
            layers = []
            for block in range(blocks):
                layers.append(Basic(inputs, channels, 2 if group > 0 and block == 0 else 1))
                inputs = channels
            setattr(self, f"layer{group + 1}", nn.Sequential(*layers))
        self.linear = nn.Linear(4 * width, OUTPUTS)

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.layer3(self.layer2(self.layer1(y)))
        return self.linear(y.mean((2, 3)))


def narrow(model, features, inner, hidden):
    """AlexNet or VGG with fewer channels, under the same names."""
    inputs = 3
    for name, module in model.features.named_children():
        if isinstance(module, nn.Conv2d):
            channels = features.pop(0)
            kept = dict(kernel_size=module.kernel_size, stride=module.stride, padding=module.padding)
            setattr(model.features, name, nn.Conv2d(inputs, channels, **kept))
            inputs = channels
    sizes = [(inner, hidden), (hidden, hidden), (hidden, OUTPUTS)]
    for name, module in model.classifier.named_children():
        if isinstance(module, nn.Linear):
            setattr(model.classifier, name, nn.Linear(*sizes.pop(0)))
        if isinstance(module, nn.Dropout):
            # Masks are random; without them training and evaluation agree.
            setattr(model.classifier, name, nn.Dropout(0.0))
    return model


def models():
    tv = torchvision.models
    yield "alexnet", 67, 0.0625, narrow(tv.alexnet(), [4, 12, 24, 16, 16], 16 * 36, 256)
    yield "vgg11", 32, 0.0625, narrow(tv.vgg11(), [4, 8, 16, 16, 32, 32, 32, 32], 32 * 49, 256)
    yield "resnet20", 16, 1.0, Small(3)
    yield "resnet56", 12, 1.0, Small(9)
    yield "resnet18", 40, 1.0, tv.resnet18(num_classes=OUTPUTS)
    yield "resnet50", 33, 1.0, tv.resnet50(num_classes=OUTPUTS)
    yield "vit-tiny", 16, 1.0, tv.VisionTransformer(
        image_size=16, patch_size=4, num_layers=12, num_heads=3, hidden_dim=192, mlp_dim=768,
        num_classes=OUTPUTS)


def fill(model):
    """Parameters and buffers by the formula, each with its name's place in the alphabet as key."""
    state = {k: v for k, v in model.state_dict().items() if v.ndim > 0}
    for key, name in enumerate(sorted(state)):
        value = state[name]
        if name.endswith("running_var"):
            made = tensor(value.shape, key, 0.25, 1.0)
        elif value.ndim > 1 and "embedding" not in name and "token" not in name:
            made = tensor(value.shape, key, (3.0 / value[0].numel()) ** 0.5)
        elif name.endswith("weight"):
            made = tensor(value.shape, key, 0.25, 1.0)
        else:
            made = tensor(value.shape, key, 0.125)
        value.copy_(made)
    return {name: key for key, name in enumerate(sorted(state))}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=GOLDEN)
    out = parser.parse_args().out
    cases = {}
    for name, side, scale, model in models():
        keys = fill(model)
        x = tensor((3, 3, side, side), 10_000)
        delta = tensor((3, OUTPUTS), 10_001)
        with torch.no_grad():
            evaluation = model.eval()(x)
        training = model.train()(x)
        (training * delta).sum().backward()
        gradients = {
            k: (p.grad.double() * tensor(p.shape, 20_000 + keys[k])).sum().item()
            for k, p in model.named_parameters()
        }
        norms = {k: p.grad.norm().item() for k, p in model.named_parameters()}
        statistics = {k: v.sum().item() for k, v in model.named_buffers() if v.ndim}
        cases[name] = {
            "side": side, "scale": scale, "evaluation": evaluation.flatten().tolist(),
            "training": training.detach().flatten().tolist(), "gradients": gradients,
            "norms": norms, "statistics": statistics,
        }
        print(name, sum(p.numel() for p in model.parameters()), evaluation[0].tolist())
    made = {"made_by": "scripts/golden/architectures.py", "torch": torch.__version__,
            "torchvision": torchvision.__version__, "outputs": OUTPUTS, "cases": cases}
    with open(f"{out}/architectures.json", "w") as file:
        json.dump(made, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
