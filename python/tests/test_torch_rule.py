"""Gradients of the rules against autograd, closed forms and themselves."""

from __future__ import annotations

import io

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import nmnc  # noqa: E402
import nmnc.torch  # noqa: E402
import numpy as np  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from torch_models import batch, by_autograd, chain, distance, gradients, linear_chain  # noqa: E402

EXACT = {"estimator": "least-squares", "eta": 1.0}


def test_backprop_is_autograd_to_the_bit():
    model, (x, y) = chain(), batch()
    torch.manual_seed(3)
    expected = by_autograd(model, x, y, cross_entropy)
    torch.manual_seed(3)
    loss = nmnc.torch.NoiseCorrelation(model, ["3", "5"], method="backprop").backward(x, y, cross_entropy)
    assert not loss.requires_grad
    found = gradients(model)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


# Least squares from more probes than there are coordinates knows a Jacobian that is the same everywhere but for rounding.
@pytest.mark.parametrize("settings", [{"method": "vnc"}, {"method": "nmnc", "dim": 12}], ids=["vnc", "nmnc, dim = full"])
def test_on_a_linear_network_many_probes_give_the_gradient(settings):
    model, (x, y) = linear_chain(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0", "1"], probes=3, **EXACT, **settings)
    loss = rule.backward(x, y, cross_entropy)
    found = gradients(model)
    assert torch.equal(loss, cross_entropy(model(x), y))
    assert distance(found, by_autograd(model, x, y, cross_entropy)) < 1e-3
    assert np.allclose(rule.feedback("1"), model[2].weight.detach(), atol=1e-4)
    assert rule.probes == 2 * 3 * 32


def test_on_the_manifold_feedback_is_the_projected_jacobian():
    model, (x, y) = linear_chain(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], dim=5, **EXACT)
    rule.backward(x, y, cross_entropy)
    activity = model[0](x).detach()
    axes = torch.linalg.svd(activity - activity.mean(0)).Vh[:5]
    jacobian = (model[2].weight @ model[1].weight).detach()
    assert np.allclose(rule.feedback("0"), jacobian @ axes.T @ axes, atol=1e-4)


def test_antithetic_probes_leave_no_curvature():
    # The change of a square is odd in the noise but for the square of the noise, which halves of differences do not have.
    class Square(torch.nn.Module):
        def forward(self, x):
            return (x + 0.3) ** 2

    model = torch.nn.Sequential(torch.nn.Linear(6, 6), Square())
    x = torch.randn(1, 6).repeat(64, 1)
    loss = lambda output, _: output.sum(1).mean()  # noqa: E731
    errors = []
    for antithetic in (False, True):
        rule = nmnc.torch.NoiseCorrelation(model, ["0"], method="vnc", sigma=0.5, antithetic=antithetic, **EXACT)
        rule.backward(x, None, loss)
        true = torch.diag(2 * (model[0](x[0]).detach() + 0.3))
        errors.append(float((torch.from_numpy(rule.feedback("0")) - true).norm() / true.norm()))
        assert rule.probes == 64 * (2 if antithetic else 1)
    assert errors[1] < 1e-3 < 1e-2 < errors[0]


def test_node_perturbation_is_unbiased():
    model, (x, y) = linear_chain(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0", "1"], method="node-perturbation", probes=1000, sigma=1e-2)
    rule.backward(x, y, cross_entropy)
    found, expected = gradients(model), by_autograd(model, x, y, cross_entropy)
    for name in ("0.weight", "1.weight"):
        own, exact = found[name], expected[name]
        # The law of the error is sqrt((n + 1) / K), 0.105 for n = 10; along one direction it is a fraction of that.
        assert float((own - exact).norm() / exact.norm()) < 0.15, name
        assert float((own * exact).sum() / (exact * exact).sum()) == pytest.approx(1.0, abs=0.06), name
    assert torch.equal(found["2.weight"], expected["2.weight"])


def test_direct_feedback_is_the_error_times_fixed_weights():
    model, (x, y) = linear_chain(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0", "1"], method="dfa", seed=5)
    rule.backward(x, y, cross_entropy)
    output = model(x).detach().requires_grad_()
    error = torch.autograd.grad(cross_entropy(output, y), output)[0]
    signal = error @ torch.from_numpy(rule.feedback("0"))
    assert torch.allclose(model[0].weight.grad, signal.T @ x, atol=1e-7)
    assert rule.feedback("0").std() == pytest.approx(10**-0.5, rel=0.3)
    assert rule.probes == 0


@pytest.mark.parametrize("method", nmnc.torch.METHODS)
def test_gradients_add_and_those_of_the_readout_are_exact(method):
    model, (x, y) = linear_chain(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0", "1"], method=method, dim=5)
    expected = by_autograd(model, x, y, cross_entropy)
    rule.backward(x, y, cross_entropy)
    assert torch.equal(model[2].weight.grad, expected["2.weight"])
    assert all(own.grad is not None for own in model.parameters())
    rule.backward(x, y, cross_entropy)
    assert torch.allclose(model[2].weight.grad, 2 * expected["2.weight"])
    assert rule.step == 2


def test_what_goes_around_stages_and_is_shared_gets_the_sum():
    class Branches(torch.nn.Module):
        """One linear map leads to a stage, around it, and, used again, to the next."""

        def __init__(self):
            super().__init__()
            self.shared, self.first, self.second = (torch.nn.Linear(6, 6) for _ in range(3))
            self.readout = torch.nn.Linear(6, 3)

        def forward(self, x):
            x = self.shared(x)
            hidden = self.first(x)
            return self.readout(self.second(self.shared(hidden) + x) + hidden + x)

    torch.manual_seed(2)
    model, (x, y) = Branches(), batch(units=6, classes=3)
    rule = nmnc.torch.NoiseCorrelation(model, [model.first, "second"], method="vnc", probes=3, **EXACT)
    rule.backward(x, y, cross_entropy)
    found = gradients(model)
    assert distance(found, by_autograd(model, x, y, cross_entropy)) < 1e-3


def trained(model, rule, steps, start=0):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(start, start + steps):
        torch.manual_seed(100 + step)
        x, y = batch(rows=16, seed=step)
        optimizer.zero_grad()
        rule.backward(x, y, cross_entropy)
        optimizer.step()
    return torch.cat([own.detach().reshape(-1) for own in model.parameters()])


@pytest.mark.parametrize("method", nmnc.torch.METHODS)
def test_a_resumed_rule_goes_on_with_the_same_bits(method):
    build = lambda model: nmnc.torch.NoiseCorrelation(model, ["3", "5"], method=method, dim=4, interval=2)  # noqa: E731
    whole = chain()
    expected = trained(whole, build(whole), 7)
    first = chain()
    rule = build(first)
    trained(first, rule, 3)
    kept = io.BytesIO()
    torch.save({"model": first.state_dict(), "rule": rule.state_dict()}, kept)
    kept.seek(0)
    state = torch.load(kept, weights_only=True)
    second = chain(seed=9)
    second.load_state_dict(state["model"])
    rule = build(second)
    rule.load_state_dict(state["rule"])
    assert rule.step == 3
    assert torch.equal(trained(second, rule, 4, start=3), expected)
    assert rule.probes == 0 or rule.probes > state["rule"]["probes"]


def test_the_seed_decides_the_bits():
    def run(seed):
        model = chain()
        return trained(model, nmnc.torch.NoiseCorrelation(model, ["3", "5"], dim=4, seed=seed), 3)

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))


@pytest.mark.parametrize("method", nmnc.torch.METHODS)
def test_agreement_is_that_of_the_gradients_and_changes_nothing(method):
    model, (x, y) = chain(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["3", "5"], method=method, dim=4, interval=3, probes=2)
    rule.backward(x, y, cross_entropy)
    random, buffers = torch.get_rng_state(), [buffer.clone() for buffer in model.buffers()]
    before, state = gradients(model), str(rule.state_dict())
    agreement = rule.agreement(x, y, cross_entropy)
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), buffers))
    assert all(torch.equal(own, before[name]) for name, own in gradients(model).items())
    assert str(rule.state_dict()) == state
    assert list(agreement.gradients) == ["3", "5", "readout"]
    if method == "backprop":
        assert list(agreement.gradients.values()) == pytest.approx([1, 1, 1], abs=1e-6)
        assert list(agreement.signals.values()) == pytest.approx([1, 1], abs=1e-6)
    # The first section's cosine is that of what backward gives, at the same random numbers, with what autograd gives.
    model.zero_grad()
    rule.backward(x, y, cross_entropy)
    own = torch.cat([gradients(model)[f"{name}.{part}"].reshape(-1) for name in "01" for part in ("weight", "bias")])
    torch.set_rng_state(random)
    exact = by_autograd(model, x, y, cross_entropy)
    exact = torch.cat([exact[f"{name}.{part}"].reshape(-1) for name in "01" for part in ("weight", "bias")])
    cosine = torch.nn.functional.cosine_similarity(own, exact, dim=0)
    assert agreement.gradients["3"] == pytest.approx(float(cosine), abs=1e-4)


REFUSALS = [
    ({"stages": ["9"]}, "stages: `9` is no part of the model"),
    ({"stages": [torch.nn.Linear(2, 2)]}, "stages: Linear is no part of the model"),
    ({"stages": ["0", "0"]}, "stages: `0` is named twice"),
    ({"stages": []}, "stages: there are none"),
    ({"stages": [""]}, "stages: the whole model is no stage"),
    ({"method": "nmnx"}, "method: unknown value `nmnx`; known: nmnc"),
    ({"dim": None}, "dim: the manifold has no dimension"),
    ({"interval": 0}, "interval: 0 is too small"),
    ({"interval": 3, "refresh": 4}, "refresh: 4 is no multiple of the interval 3"),
    ({"sigma": 0.0}, "sigma: 0.0 is no size of noise"),
    ({"sgima": 0.1}, "sgima: unknown setting; settings of the estimator are"),
    ({"method": "dfa", "eta": 0.1}, 'eta: has no meaning with method = "dfa"'),
]


@pytest.mark.parametrize(("settings", "line"), REFUSALS, ids=[line for _, line in REFUSALS])
def test_settings_without_meaning_are_refused_in_a_line(settings, line):
    with pytest.raises(nmnc.ConfigError) as refused:
        nmnc.torch.NoiseCorrelation(linear_chain(), **{"stages": ["0", "1"], **settings})
    assert str(refused.value).startswith(line)
    assert "\n" not in str(refused.value)


def test_a_state_of_other_stages_is_refused():
    rule = nmnc.torch.NoiseCorrelation(linear_chain(), ["0", "1"])
    with pytest.raises(nmnc.CheckpointError, match=r"state: stages is \['0', '1'\], here \['1'\]; build"):
        nmnc.torch.NoiseCorrelation(linear_chain(), ["1"]).load_state_dict(rule.state_dict())


def test_a_loss_that_is_no_number_is_refused_before_gradients():
    model, (x, y) = linear_chain(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], dim=3)
    with pytest.raises(nmnc.ConfigError, match="loss_fn: gives no scalar"):
        rule.backward(x, y, lambda output, _: output)
    assert gradients(model) == {} and rule.step == 0


def test_arguments_of_a_model_and_parameters_of_a_loss():
    class Sum(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.map, self.readout = torch.nn.Linear(12, 10), torch.nn.Linear(10, 4)

        def forward(self, a, b):
            return self.readout(self.map(a + b))

    model, (x, y) = Sum(), batch()
    scale = torch.ones((), requires_grad=True)
    rule = nmnc.torch.NoiseCorrelation(model, ["map"], dim=4)
    for given in ((x, x), {"a": x, "b": x}):
        scale.grad = None
        loss = rule.backward(given, y, lambda output, y: cross_entropy(scale * output, y))
        assert torch.equal(loss, cross_entropy(model(x, x), y)) and scale.grad.abs() > 0


def test_inputs_of_another_size_are_refused():
    model = torch.nn.Sequential(torch.nn.Conv1d(2, 3, 3), torch.nn.AdaptiveAvgPool1d(1), torch.nn.Flatten(), torch.nn.Linear(3, 4))
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], method="vnc")
    rule.backward(torch.randn(4, 2, 9), torch.arange(4), cross_entropy)
    rule.backward(torch.randn(2, 2, 9), torch.arange(2), cross_entropy)
    with pytest.raises(nmnc.ConfigError, match="stage `0`: has 15 units, 21 in the first step; give inputs of one size"):
        rule.backward(torch.randn(4, 2, 7), torch.arange(4), cross_entropy)


def test_a_silent_stage_gets_no_probes():
    model, (x, y) = linear_chain(), batch()
    torch.nn.init.zeros_(model[0].weight)
    torch.nn.init.zeros_(model[0].bias)
    rule = nmnc.torch.NoiseCorrelation(model, ["0"], method="vnc")
    with pytest.warns(UserWarning, match="stage `0`: its activity is zero"):
        rule.backward(x, y, cross_entropy)
    assert rule.probes == 0 and not model[0].weight.grad.any()


def test_without_pytorch_one_import_fails_and_says_why():
    import subprocess
    import sys

    code = "import sys; sys.modules['torch'] = None; import nmnc; import nmnc.torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == "ImportError: nmnc.torch: PyTorch is not installed; pip install torch"
