"""A ResNet-18, an LSTM and a vision transformer."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import nmnc  # noqa: E402
import nmnc.torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch_models import by_autograd, distance, gradients  # noqa: E402

EXACT = {"estimator": "least-squares", "eta": 1.0}


def images(rows, side, classes=10):
    generator = torch.Generator().manual_seed(3)
    return torch.randn(rows, 3, side, side, generator=generator), torch.arange(rows) % classes


def test_resnet18():
    torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=10)
    stages = ["layer1", "layer2", "layer3", "layer4"]
    x, y = images(8, 32)
    rule = nmnc.torch.NoiseCorrelation(model, stages, dim=64, probes=2, **EXACT)
    rule.backward(x, y, cross_entropy)
    assert all(own.grad is not None for own in model.parameters())
    # Behind the last stage lie a mean over places and a linear map, so that its Jacobian J is known; on the manifold of eight
    # activities, seven directions, sixteen probes find J U U^T.
    with torch.no_grad():
        activity = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        for name in stages:
            activity = getattr(model, name)(activity)
    activity = activity.reshape(8, -1)
    axes = torch.linalg.svd(activity - activity.mean(0), full_matrices=False).Vh[:7]
    places = activity.shape[1] // 512
    jacobian = model.fc.weight.detach().repeat_interleave(places, 1) / places
    expected = jacobian @ axes.T @ axes
    found = torch.from_numpy(rule.feedback("layer4"))
    assert float((found - expected).norm() / expected.norm()) < 0.02
    # With batch normalisation behind them, the other stages have Jacobians of their own at each example.
    assert [rule.feedback(name).shape for name in stages] == [(10, 4096), (10, 2048), (10, 1024), (10, 512)]
    assert rule.agreement(x, y, cross_entropy).gradients["readout"] == pytest.approx(1.0, abs=1e-6)


class Sequence(nn.Module):
    def __init__(self, last=True, bidirectional=False):
        super().__init__()
        torch.manual_seed(0)
        self.rnn = nn.LSTM(3, 6, batch_first=True, bidirectional=bidirectional)
        self.readout = nn.Linear(6 * (1 + bidirectional), 4)
        self.last = last

    def forward(self, x):
        states, (hidden, _) = self.rnn(x)
        return self.readout(states[:, -1] if self.last else hidden[-1])


def test_lstm():
    # The stage is the whole sequence of hidden states, 5 x 6 units, of which a linear readout takes the last six: known exactly.
    model, x, y = Sequence(), torch.randn(16, 5, 3), torch.arange(16) % 4
    rule = nmnc.torch.NoiseCorrelation(model, ["rnn"], method="vnc", probes=3, **EXACT)
    rule.backward(x, y, cross_entropy)
    feedback = rule.feedback("rnn")
    assert feedback.shape == (4, 30)
    assert np.allclose(feedback[:, :24], 0, atol=1e-4)
    assert np.allclose(feedback[:, 24:], model.readout.weight.detach(), atol=1e-4)
    # Autograd goes through time within the stage, so that the weights have their whole gradient.
    assert distance(gradients(model), by_autograd(model, x, y, cross_entropy)) < 1e-3


def test_what_an_lstm_hands_on_beside_its_states_is_closed():
    model, x, y = Sequence(last=False), torch.randn(16, 5, 3), torch.arange(16) % 4
    with pytest.raises(nmnc.ConfigError, match="stage `rnn`: the model reads more of its output than the first item"):
        nmnc.torch.NoiseCorrelation(model, ["rnn"], dim=4).backward(x, y, cross_entropy)


def test_sequences_that_begin_with_time_are_refused():
    with pytest.raises(nmnc.ConfigError, match="stage `0`: its output begins with time; build it with batch_first=True"):
        nmnc.torch.NoiseCorrelation(nn.Sequential(nn.LSTM(3, 6), nn.Linear(6, 2)), ["0"])


@pytest.mark.parametrize("method", ["nmnc", "vnc"])
def test_vision_transformer(method):
    torchvision = pytest.importorskip("torchvision", reason="torchvision is not installed")
    torch.manual_seed(0)
    model = torchvision.models.VisionTransformer(16, 8, 2, 2, 8, 16, dropout=0.1, num_classes=4)
    nn.init.normal_(model.heads.head.weight, std=0.3)
    stages = [f"encoder.layers.encoder_layer_{index}" for index in range(2)]
    x, y = images(32, 16, 4)
    rule = nmnc.torch.NoiseCorrelation(model, stages, method=method, dim=16, interval=1, probes=8, eta=0.5)
    for _ in range(6):
        model.zero_grad()
        rule.backward(x, y, cross_entropy)
    assert all(own.grad is not None for own in model.parameters())
    assert rule.feedback(stages[0]).shape == (4, 40)
    agreement = rule.agreement(x, y, cross_entropy)
    # Forty units are known well, but for what layer normalisation makes each example's own. On the manifold little is: the class
    # token, which alone is read, hardly differs from image to image before training.
    assert all(cosine > (0.6 if method == "vnc" else 0.1) for cosine in agreement.signals.values())
    assert agreement.gradients["readout"] == pytest.approx(1.0, abs=1e-6)
