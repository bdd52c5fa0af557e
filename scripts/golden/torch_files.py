"""weights.pth, weights_nested.pth and weights.json: files of torch.save, and the numbers in them.

Every type of floating-point number, views with strides and offsets, shared
numbers, a counter, and a module's own state dictionary; the second file keeps
the same under `state_dict` beside an epoch.

Made with torch 2.15.0. Rerun: python scripts/golden/torch_files.py [--out FOLDER]
"""
import argparse
import json
from pathlib import Path

import torch
from torch import nn

from common import GOLDEN, Draw


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=GOLDEN)
    out = Path(parser.parse_args().out)
    draw = Draw(31)
    base = draw(4, 6).float()
    module = nn.Sequential(nn.Conv2d(2, 3, 3, bias=False), nn.BatchNorm2d(3)).float()
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(draw(*value.shape))
    state = {
        "single": base,
        "double": draw(3, 2),
        "half": draw(5).half(),
        "brain": draw(5).bfloat16(),
        "turned": base.t(),
        "part": base[1:3, 2:5],
        "scalar": torch.tensor(1.5),
        "empty": torch.zeros(0, 3),
        "parameter": nn.Parameter(draw(2, 2).float()),
        **module.state_dict(),
    }
    torch.save(state, out / "weights.pth")
    torch.save({"epoch": 3, "loss": 0.25, "state_dict": state, "notes": [None, True, (1, 2)]},
               out / "weights_nested.pth")
    expected = {
        name: {"shape": list(value.shape), "values": value.detach().double().flatten().tolist()}
        for name, value in state.items() if value.is_floating_point()
    }
    made = {"made_by": "scripts/golden/torch_files.py", "torch": torch.__version__, "tensors": expected}
    (out / "weights.json").write_text(json.dumps(made, indent=1) + "\n")


if __name__ == "__main__":
    main()
