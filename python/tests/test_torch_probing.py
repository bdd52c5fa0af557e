"""What probing leaves behind: nothing; and what it holds still."""

from __future__ import annotations

import copy
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import nmnc  # noqa: E402
import nmnc.torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch_models import batch, by_autograd, chain, gradients, linear_chain  # noqa: E402


def hooks(model):
    of = lambda module: len(module._forward_hooks) + len(module._forward_pre_hooks)  # noqa: E731
    return sum(of(module) for module in model.modules()), [m for m in model.modules() if "forward" in m.__dict__]


@pytest.mark.parametrize("method", nmnc.torch.METHODS)
def test_a_step_leaves_what_a_forward_pass_leaves(method):
    model, (x, y) = chain(), batch()
    plain = copy.deepcopy(model)
    states = []
    for act in (
        lambda: plain(x),
        lambda: nmnc.torch.NoiseCorrelation(model, ["3", "5"], method=method, dim=4, probes=2).backward(x, y, cross_entropy),
    ):
        torch.manual_seed(4)
        random.seed(4)
        np.random.seed(4)  # noqa: NPY002
        act()
        states.append((torch.get_rng_state(), random.getstate(), np.random.get_state()[1]))  # noqa: NPY002
    assert torch.equal(states[0][0], states[1][0]) and states[0][1] == states[1][1]
    assert np.array_equal(states[0][2], states[1][2])
    assert int(model[1].num_batches_tracked) == 1
    for name, own in plain.state_dict().items():
        assert torch.equal(own, model.state_dict()[name]), name
    assert hooks(model) == (0, [])


def test_buffers_stay_the_same_objects_and_their_version_does_not_move():
    # Backward needs buffers that a forward pass multiplied by; writing to them, even what was there, would stop it.
    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.map = nn.Linear(12, 12)
            self.register_buffer("mask", torch.rand(12))

        def forward(self, x):
            return self.map(x) * self.mask

    model, (x, y) = nn.Sequential(Masked(), nn.Linear(12, 4)), batch()
    mask, version = model[0].mask, model[0].mask._version
    nmnc.torch.NoiseCorrelation(model, ["0"], method="vnc").backward(x, y, cross_entropy)
    assert model[0].mask is mask and mask._version == version


class Fails(nn.Module):
    """Hands on what it gets, but for one call."""

    def __init__(self, call):
        super().__init__()
        self.call, self.calls = call, 0

    def forward(self, x):
        self.calls += 1
        if self.calls == self.call:
            raise RuntimeError("on purpose")
        return x


# The clean pass, a pass that checks, a perturbed one.
@pytest.mark.parametrize("call", [1, 2, 4])
def test_after_an_exception_nothing_is_left(call):
    model, (x, y) = nn.Sequential(chain(), Fails(call)), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0.3", "0.5"], dim=4)
    buffers = {name: own.clone() for name, own in model.named_buffers()}
    with pytest.raises(RuntimeError, match="on purpose"):
        rule.backward(x, y, cross_entropy)
    assert hooks(model) == (0, []) and gradients(model) == {} and rule.step == 0
    # The clean pass may have been made; perturbed ones leave no trace beside it.
    assert int(model[0][1].num_batches_tracked) == int(buffers["0.1.num_batches_tracked"]) + 1
    rule.backward(x, y, cross_entropy)
    assert hooks(model) == (0, [])


def test_a_mirror_is_taken_out_after_an_exception():
    model, (x, y) = nn.Sequential(linear_chain(), Fails(1)), batch()
    rule = nmnc.torch.NoiseCorrelation(model, method="mirror")
    with pytest.raises(RuntimeError, match="on purpose"):
        rule.backward(x, y, cross_entropy)
    assert hooks(model) == (0, [])
    rule.backward(x, y, cross_entropy)
    assert np.allclose(rule.feedback("0.2"), model[0][2].weight.detach(), atol=1e-4)


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(10), nn.BatchNorm1d(10, affine=False, track_running_stats=False)])
def test_noise_shows_the_jacobian_at_the_statistics_of_the_clean_pass(norm):
    torch.manual_seed(0)
    model, (x, y) = nn.Sequential(nn.Linear(12, 10), norm, nn.Dropout(0.0), nn.Linear(10, 4)), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], method="vnc", probes=2, estimator="least-squares")
    rule.backward(x, y, cross_entropy)
    deviation = torch.sqrt(model[0](x).var(0, correction=0) + norm.eps).detach()
    scale = 1 / deviation if norm.weight is None else norm.weight.detach() / deviation
    assert np.allclose(rule.feedback("0"), model[3].weight.detach() * scale, atol=1e-4)


def test_dropout_is_the_same_in_both_passes():
    # With the masks of the clean pass, the probes of an example show which of its units count; with others, noise alone.
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(12, 10), nn.Dropout(0.5), nn.Linear(10, 4)), torch.randn(1, 12)
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], method="vnc", probes=40, estimator="least-squares")
    rule.backward(x, torch.tensor([1]), cross_entropy)
    found = torch.from_numpy(rule.feedback("0"))
    weight = model[2].weight.detach()
    kept = (found.norm(dim=0) > 1e-3).float()
    assert 0 < kept.sum() < 10
    assert torch.allclose(found, 2 * weight * kept, atol=1e-4)


class Centred(nn.Module):
    """A normalisation over the batch that nobody knows."""

    def forward(self, x):
        return (x - x.mean(0)) / x.std(0)


class Counting(nn.Module):
    """Gives something else at each call."""

    calls = 0.0

    def forward(self, x):
        self.calls += 1.0
        return x * self.calls


class OwnNorm(nn.BatchNorm1d):
    def forward(self, x):
        return super().forward(x).relu()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        (Centred(), "stage `0`: an example's noise reaches other examples of the batch"),
        (Counting(), "model: the same input gives another output when the forward pass is repeated"),
        (OwnNorm(10), "module `1`: OwnNorm normalises by statistics of the batch in a way of its own"),
    ],
)
def test_what_cannot_be_held_still_is_refused(module, line):
    model, (x, y) = nn.Sequential(nn.Linear(12, 10), module, nn.Linear(10, 4)), batch()
    with pytest.raises(nmnc.ConfigError) as refused:
        nmnc.torch.NoiseCorrelation(model, ["0"], dim=4).backward(x, y, cross_entropy)
    assert str(refused.value).startswith(line)
    assert gradients(model) == {} and hooks(model) == (0, [])


def test_modules_that_are_no_stages_are_refused():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.map, self.gate, self.unused, self.readout = nn.Linear(12, 12), nn.ReLU(), nn.Linear(1, 1), nn.Linear(12, 4)

        def forward(self, x):
            return self.readout(self.gate(self.map(self.gate(self.map(x)))))

    class Same(nn.Sequential):
        def forward(self, x):
            return self[1](self[0](x))

    (x, y) = batch()
    for model, stages, line in (
        (Twice(), ["gate"], "stage `gate`: is called more than once in a forward pass"),
        (Twice(), ["unused"], "stage `unused`: was not called in the forward pass"),
        (nn.Sequential(nn.Sequential(nn.Linear(12, 4)), nn.ReLU()), ["0", "0.0"], "stage `0`: its output is that of stage `0.0`"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(384, 4)), ["0"], "stage `0`: its output is [384] where that of the model is [4]"),
        (nn.Sequential(nn.Linear(12, 4), nn.LSTM(4, 4, batch_first=True)), ["0"], "model: its output is a tuple"),
    ):
        with pytest.raises(nmnc.ConfigError) as refused:
            nmnc.torch.NoiseCorrelation(model, stages, dim=3).backward(x, y, cross_entropy)
        assert str(refused.value).startswith(line)


def test_writing_in_place_behind_a_stage_does_no_harm():
    torch.manual_seed(0)
    model, (x, y) = nn.Sequential(nn.Linear(12, 10), nn.Tanh(), nn.ReLU(inplace=True), nn.Linear(10, 4)), batch()
    plain = copy.deepcopy(model)
    plain[2].inplace = False
    for own in (model, plain):
        nmnc.torch.NoiseCorrelation(own, ["1"], dim=4).backward(x, y, cross_entropy)
    assert all(torch.equal(a, b) for a, b in zip(gradients(model).values(), gradients(plain).values()))


@pytest.mark.parametrize("method", nmnc.torch.METHODS)
def test_bfloat16(method):
    model, (x, y) = chain().to(torch.bfloat16).eval(), batch()
    x = x.to(torch.bfloat16)
    loss = lambda output, y: cross_entropy(output.float(), y)  # noqa: E731
    settings = {"sigma": 0.5} if method in ("nmnc", "vnc", "node-perturbation") else {}
    settings["probes"] = 2 if method == "mirror" else 20
    rule = nmnc.torch.NoiseCorrelation(model, ["3", "5"], method=method, dim=12, interval=1, **settings)
    for _ in range(5):
        model.zero_grad()
        rule.backward(x, y, loss)
    found = gradients(model)
    assert all(own.dtype == torch.bfloat16 and own.isfinite().all() for own in found.values())
    expected = by_autograd(model, x, y, loss)
    assert torch.equal(found["6.weight"], expected["6.weight"])
    if method != "dfa":
        assert rule.agreement(x, y, loss).signals["5"] > 0.7


def test_bfloat16_in_training_mode_is_repeated_by_its_own_statistics():
    model, (x, y) = chain().to(torch.bfloat16), batch()
    loss = lambda output, y: cross_entropy(output.float(), y)  # noqa: E731
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], method="vnc", probes=40, sigma=0.5, interval=1)
    rule.backward(x.to(torch.bfloat16), y, loss)
    assert np.isfinite(rule.feedback("0")).all()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("method", nmnc.torch.METHODS)
def test_cuda(method):
    model, (x, y) = chain().cuda(), batch()
    x, y = x.cuda(), y.cuda()
    rule = nmnc.torch.NoiseCorrelation(model, ["3", "5"], method=method, dim=4, probes=2)
    torch.manual_seed(0)
    rule.backward(x, y, cross_entropy)
    found, after = gradients(model), torch.cuda.get_rng_state()
    torch.manual_seed(0)
    expected = by_autograd(model, x, y, cross_entropy)
    assert torch.equal(torch.cuda.get_rng_state(), after)
    assert torch.allclose(found["6.weight"], expected["6.weight"])
    assert all(own.is_cuda and own.isfinite().all() for own in found.values())
