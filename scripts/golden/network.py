"""network.safetensors: a three-stage network, its losses and all gradients.

Stages: conv 2x8x8 -> 4 channels, ReLU, max pooling; conv -> 6 channels, tanh,
average pooling; dense 12, GELU (erf); then a linear readout of 5. Both convs
are 3x3 with padding 1, both pools 2x2. For the mean cross-entropy and for the
mean squared error on one-hot labels (mean over batch *and* outputs): the loss,
its gradient on the logits, on every stage's activity and on every parameter.
The same for labels of which a tenth is spread over all classes ("smoothed"),
by torch's own label_smoothing where it has one.

Made with torch 2.15.0, numpy 2.4.6, safetensors 0.8.0; every file names its
own versions. Rerun: python scripts/golden/network.py [--out FOLDER]
"""
import torch
import torch.nn.functional as F

from common import Draw, conv_stage, dense_stage, out_folder, write

STAGES = [
    {"kind": "conv", "input": [2, 8, 8], "channels": 4, "kernel": 3,
     "stride": 1, "padding": 1, "activation": "relu", "pool": "max",
     "pool_size": 2},
    {"kind": "conv", "input": [4, 4, 4], "channels": 6, "kernel": 3,
     "stride": 1, "padding": 1, "activation": "tanh", "pool": "average",
     "pool_size": 2},
    {"kind": "dense", "inputs": 24, "outputs": 12, "activation": "gelu"},
]
OUTPUTS = 5
BATCH = 7
SMOOTHING = 0.1
MARGIN = 1e-4


def parameters(draw):
    shapes = {"stage.0": (4, 18), "stage.1": (6, 36), "stage.2": (12, 24),
              "readout": (OUTPUTS, 12)}
    table = {}
    for name, (rows, columns) in shapes.items():
        table[f"{name}.weight"] = draw(rows, columns, scale=columns ** -0.5)
        table[f"{name}.bias"] = draw(1, rows, scale=0.3)
    return table


def stage(index, table, x):
    weight, bias = (table[f"stage.{index}.{p}"] for p in ("weight", "bias"))
    if STAGES[index]["kind"] == "dense":
        return dense_stage(STAGES[index], x, weight, bias)
    y, margin = conv_stage(STAGES[index], x, weight, bias)
    assert margin > MARGIN, f"stage {index}: a kink at {margin:.1e}, reseed"
    return y


def readout(table, x):
    return x @ table["readout.weight"].T + table["readout.bias"]


def onward(index, table, x):
    """Logits from the activity of stage `index`."""
    for later in range(index + 1, len(STAGES)):
        x = stage(later, table, x)
    return readout(table, x)


def make():
    """Parameters, inputs and labels."""
    draw = Draw(300)
    table = parameters(draw)
    labels = torch.tensor([0, 3, 1, 4, 2, 2, 0])
    return table, draw(BATCH, 2 * 8 * 8), labels


def activities(table, x):
    found = []
    for index in range(len(STAGES)):
        x = stage(index, table, x)
        found.append(x)
    return found


def gradients(loss_name, table, x, labels):
    table = {name: t.clone().requires_grad_() for name, t in table.items()}
    hidden = activities(table, x)
    logits = readout(table, hidden[-1])
    smoothing = SMOOTHING if loss_name.endswith("_smoothed") else 0.0
    if loss_name.startswith("cross_entropy"):
        loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
    else:
        target = F.one_hot(labels, OUTPUTS).to(logits)
        loss = F.mse_loss(logits, (1 - smoothing) * target + smoothing / OUTPUTS)
    targets = [logits, *hidden, *table.values()]
    names = ["error", *(f"delta.{i}" for i in range(len(hidden))),
             *(f"gradient.{name}" for name in table)]
    found = dict(zip(names, torch.autograd.grad(loss, targets)))
    return {"loss": loss.reshape(1), **found}


def main():
    out = out_folder(__doc__)
    table, x, labels = make()
    hidden = activities(table, x)
    tensors = {**table, "x": x, "labels": labels,
               "logits": readout(table, hidden[-1])}
    for index, activity in enumerate(hidden):
        tensors[f"stage.{index}.activity"] = activity
    for name in ("cross_entropy", "mean_squared_error",
                 "cross_entropy_smoothed", "mean_squared_error_smoothed"):
        for key, value in gradients(name, table, x, labels).items():
            tensors[f"{name}.{key}"] = value
    write(out / "network.safetensors", __file__, tensors,
          network={"stages": STAGES, "outputs": OUTPUTS,
                   "smoothing": SMOOTHING})


if __name__ == "__main__":
    main()
