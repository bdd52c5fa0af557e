"""A function without derivatives in a PyTorch model."""

from __future__ import annotations

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import nmnc  # noqa: E402
import nmnc.torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch_models import batch  # noqa: E402

WEIGHT = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)


def estimator(**settings):
    return nmnc.JacobianEstimator(8, 4, **{"estimator": "least-squares", "eta": 1.0, **settings})


def test_of_a_linear_function_the_gradient_is_exact():
    layer = nmnc.torch.black_box(lambda x: x @ WEIGHT, estimator())
    x = torch.randn(16, 8, requires_grad=True)
    error = torch.randn(16, 4)
    output = layer(x)
    assert np.allclose(output.detach(), x.detach().numpy() @ WEIGHT, atol=1e-5)
    output.backward(error)
    assert np.allclose(x.grad, error.numpy() @ WEIGHT.T, atol=1e-3)


def test_answers_are_tensors_too_and_half_differences_leave_no_curvature():
    square = lambda x: torch.from_numpy((x + 0.3) ** 2)[:, :4]  # noqa: E731
    x = torch.full((64, 8), 0.4, requires_grad=True)
    layer = nmnc.torch.black_box(square, estimator(sigma=0.5, antithetic=True))
    layer(x).sum().backward()
    assert np.allclose(x.grad[0], [1.4] * 4 + [0.0] * 4, atol=1e-3)


def test_probes_are_asked_in_training_mode_every_interval():
    asked = []
    layer = nmnc.torch.black_box(lambda x: asked.append(len(x)) or x @ WEIGHT, estimator(), interval=3)
    x = torch.randn(16, 8)
    for expected in (2, 3, 4, 6):
        layer(x)
        assert len(asked) == expected
    layer.eval()(x)
    assert len(asked) == 7 and layer.calls == 4


def test_missing_answers_are_dropped():
    def broken(x):
        y = x @ WEIGHT
        broken.calls += 1
        if broken.calls == 2:
            y[::4] = np.nan
        return y

    broken.calls = 0
    layer = nmnc.torch.black_box(broken, estimator())
    layer(torch.randn(16, 8))
    assert layer.estimator.dropped_ == 4 and layer.estimator.probes_ == 12


def test_state_goes_with_the_model_and_training_goes_on_with_the_same_bits():
    def run(layer, steps, start=0):
        for step in range(start, steps):
            layer(batch(units=8, seed=step)[0])
        return np.array(layer.estimator.jacobian_)

    build = lambda: nmnc.torch.black_box(lambda x: np.tanh(x @ WEIGHT), estimator(dim=3), interval=2)  # noqa: E731
    expected = run(build(), 7)
    first = nn.Sequential(build())
    run(first[0], 3)
    kept = io.BytesIO()
    torch.save(first.state_dict(), kept)
    kept.seek(0)
    second = nn.Sequential(build())
    second.load_state_dict(torch.load(kept, weights_only=True))
    assert np.array_equal(run(second[0], 7, start=3), expected)


def test_a_model_learns_through_a_function_of_signs():
    torch.manual_seed(0)
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(8, 64)).astype(np.float32)
    readout = rng.normal(size=(64, 4)).astype(np.float32) / 8
    # Steps everywhere: its derivative is zero wherever there is one.
    chip = lambda x: np.sign(x @ hidden) @ readout  # noqa: E731
    (x, y) = batch(rows=64)
    model = nn.Sequential(nn.Linear(12, 8), nmnc.torch.black_box(chip, estimator(estimator="average", eta=0.2, sigma=0.3)))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.75 * losses[0]


def test_wrong_shapes_are_refused():
    with pytest.raises(nmnc.ConfigError, match=r"x: has shape \[2, 3, 8\]; give \[batch, n\]"):
        nmnc.torch.black_box(lambda x: x, estimator())(torch.zeros(2, 3, 8))
    with pytest.raises(nmnc.ConfigError, match=r"f: gives an array of shape \[16\] for 16 rows"):
        nmnc.torch.black_box(lambda x: x[:, 0], estimator())(torch.ones(16, 8))
    with pytest.raises(nmnc.ConfigError, match="interval: 0 is too small"):
        nmnc.torch.black_box(lambda x: x, estimator(), interval=0)
