"""Mirrors of linear maps in PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import nmnc  # noqa: E402
import nmnc.torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch_models import batch, by_autograd, distance, gradients  # noqa: E402

CONVOLUTIONS = {
    "strided": {"kernel_size": 3, "stride": 2, "padding": 1},
    "dilated": {"kernel_size": (2, 3), "dilation": (1, 2), "bias": False},
    "same": {"kernel_size": 3, "padding": "same"},
    "circular": {"kernel_size": 3, "padding": 1, "padding_mode": "circular"},
}


@pytest.mark.parametrize("settings", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_a_mirrored_convolution_has_the_gradients_of_its_own_weight(settings):
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 5, 3), nn.BatchNorm2d(5), nn.ReLU(), nn.Conv2d(5, 4, **settings), nn.Flatten(), nn.LazyLinear(3)
    )  # fmt: skip
    x, y = torch.randn(8, 2, 9, 9), torch.arange(8) % 3
    model(x)
    rule = nmnc.torch.NoiseCorrelation(model, method="mirror", dim=6)
    rule.backward(x, y, cross_entropy)
    found = gradients(model)
    for name in ("3", "5"):
        assert np.allclose(rule.feedback(name), model.get_submodule(name).weight.detach(), atol=1e-4)
    # What reads the images sends no error down and needs no feedback: as many rows of initial noise as the others have inputs.
    assert not rule.feedback("0").any()
    units = sum(model.get_submodule(name).weight[0].numel() for name in ("3", "5"))
    assert rule.probes == units + 2 * 8
    assert distance(found, by_autograd(model, x, y, cross_entropy)) < 1e-3


def test_tokens_are_rows():
    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.queries, self.readout = nn.Linear(3, 8), nn.Linear(8, 24), nn.Linear(8, 4)

        def forward(self, x):
            x = self.embed(x)
            query, key, value = self.queries(x).chunk(3, -1)
            attended = (query @ key.transpose(1, 2) / 8**0.5).softmax(-1) @ value
            return self.readout((x + attended).mean(1))

    torch.manual_seed(0)
    model, x, y = Attention(), torch.randn(16, 5, 3), torch.arange(16) % 4
    rule = nmnc.torch.NoiseCorrelation(model, ["queries"], method="mirror", dim=4)
    rule.backward(x, y, cross_entropy)
    assert distance(gradients(model), by_autograd(model, x, y, cross_entropy)) < 1e-3
    agreement = rule.agreement(x, y, cross_entropy)
    assert list(agreement.gradients) == ["queries", "readout"]
    assert all(cosine > 0.999 for cosine in agreement.gradients.values())


def moved(dim, initial=4096):
    """How far a mirror is from a weight that moved by errors times inputs, relative to how far it moved."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 40), nn.Tanh(), nn.Linear(40, 6))
    # Input of three dimensions: the tanh of it lies mostly in as many beside its mean.
    x = torch.randn(64, 3) @ torch.randn(3, 12) * 0.2
    rule = nmnc.torch.NoiseCorrelation(model, method="mirror", dim=dim, interval=1, initial=initial)
    loss = lambda output, y: cross_entropy(output, y)  # noqa: E731
    y = torch.arange(64) % 6
    rule.backward(x, y, loss)
    before = model[2].weight.detach().clone()
    with torch.no_grad():
        hidden = model[1](model[0](x))
        model[2].weight.add_(torch.randn(6, 64) @ hidden / 8)
    rule.backward(x[:8], y[:8], loss)
    change = model[2].weight.detach() - before
    return float((torch.from_numpy(rule.feedback("2")) - model[2].weight.detach()).norm() / change.norm())


def test_eight_rows_follow_a_change_on_the_manifold_and_not_elsewhere():
    assert moved(dim=4) < 0.3
    assert moved(dim=None) > 0.6


def test_without_initial_rows_a_mirror_begins_with_nothing():
    torch.manual_seed(0)
    model, (x, y) = nn.Sequential(nn.Linear(12, 40), nn.ReLU(), nn.Linear(40, 4)), batch(rows=8)
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], method="mirror", dim=None, initial=0)
    rule.backward(x, y, cross_entropy)
    # Eight orthogonal rows of forty: a fifth of the squares.
    known = (rule.feedback("2") ** 2).sum() / float((model[2].weight.detach() ** 2).sum())
    assert known == pytest.approx(0.2, abs=0.1)
    assert rule.probes == 8


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (nn.LSTM(4, 4, batch_first=True), "module `0`: a mirror stands in for nn.Linear and nn.Conv2d, not for LSTM"),
        (nn.MultiheadAttention(4, 2), "module `0`: a mirror stands in for nn.Linear and nn.Conv2d, not for MultiheadAttention"),
        (nn.Conv2d(4, 4, 3, groups=2), "module `0`: a mirror stands in for nn.Linear and nn.Conv2d, not for Conv2d of 2 groups"),
        (nn.Conv1d(4, 4, 3), "module `0`: a mirror stands in for nn.Linear and nn.Conv2d, not for Conv1d"),
    ],
)
def test_what_no_mirror_stands_in_for_is_refused(module, line):
    with pytest.raises(nmnc.ConfigError) as refused:
        nmnc.torch.NoiseCorrelation(nn.Sequential(module, nn.Linear(4, 2)), method="mirror")
    assert str(refused.value).startswith(line)
