"""exchange.pth, exchange.safetensors, exchange.json: a network as PyTorch saves it, and what it answers.

A ResNet-20 of a quarter of the width with random weights and running
statistics, in single precision by torch.save and in half precision by
safetensors, with PyTorch's counters; an input and the logits in evaluation of
each, computed in float64.

Made with torch 2.15.0, safetensors 0.8.0. Rerun:
python scripts/golden/exchange.py [--out FOLDER]
"""
import argparse
import copy
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from architectures import Small, fill
from common import GOLDEN


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default=GOLDEN)
    out = Path(parser.parse_args().out)
    torch.manual_seed(0)
    single = Small(3, width=4)
    fill(single)
    single = single.float()
    half = copy.deepcopy(single).half()
    torch.save(single.state_dict(), out / "exchange.pth")
    save_file(half.state_dict(), out / "exchange.safetensors")
    x = torch.rand(2, 3, 16, 16, dtype=torch.float32).double()
    with torch.no_grad():
        logits = {name: model.double().eval()(x).tolist() for name, model in [("pth", single), ("safetensors", half)]}
    (out / "exchange.json").write_text(json.dumps({"x": x.reshape(2, -1).tolist(), "logits": logits}) + "\n")


if __name__ == "__main__":
    main()
