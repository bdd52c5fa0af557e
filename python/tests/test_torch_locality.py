"""No gradient crosses a stage, and the tests that say so would notice one that does."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

import nmnc.torch  # noqa: E402
from nmnc.torch import _passes  # noqa: E402
from torch_models import batch, gradients  # noqa: E402

LOCAL = ("nmnc", "vnc", "dfa", "node-perturbation")


class Wire(torch.autograd.Function):
    """Hands on what it gets, and notes every error that passes it."""

    @staticmethod
    def forward(ctx, x, passed, name):
        ctx.passed, ctx.name = passed, name
        return x.clone()

    @staticmethod
    def backward(ctx, error):
        ctx.passed.append(ctx.name)
        return error, None, None


class Wired(torch.nn.Module):
    """12 -> 10 -> 8 -> 4, with a wire at the door of each section."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second, self.readout = torch.nn.Linear(12, 10), torch.nn.Linear(10, 8), torch.nn.Linear(8, 4)
        self.passed = []

    def forward(self, x):
        x = self.first(x).tanh()
        x = self.second(Wire.apply(x, self.passed, "first")).tanh()
        return self.readout(Wire.apply(x, self.passed, "second"))


# The stages are the linear maps, so that a gate and a wire lie between a stage and the next.
def step(method, **settings):
    model, (x, y) = Wired(), batch()
    rule = nmnc.torch.NoiseCorrelation(model, ["first", "second"], method=method, dim=4, **settings)
    rule.backward(x, y, torch.nn.functional.cross_entropy)
    return model


@pytest.mark.parametrize("method", LOCAL)
def test_no_error_goes_through_a_stage(method):
    model = step(method)
    assert model.passed == []
    assert all(own.grad is not None and own.grad.any() for own in model.parameters())


@pytest.mark.parametrize("method", ["backprop", "mirror"])
def test_the_wires_notice_rules_that_carry_errors_down(method):
    assert step(method).passed == ["second", "first"]


@pytest.mark.parametrize("leak", ["attached", "needs gradients"])
def test_the_wires_notice_a_stage_that_is_not_cut(monkeypatch, leak):
    # The cut hands on `activity.detach().clone()`; here `detach` does not do what it should.
    leaky = {"attached": lambda own: own, "needs gradients": lambda own: torch.Tensor.detach(own).requires_grad_()}[leak]

    class Uncut(_passes.Cut):
        def __init__(self, model, stages, x):
            real = _passes.at_outputs

            def at_outputs(stages, act):
                def leaking(name, activity):
                    act(name, activity)
                    handed_on = leaky(activity).clone()
                    return handed_on

                return real(stages, leaking)

            monkeypatch.setattr(_passes, "at_outputs", at_outputs)
            super().__init__(model, stages, x)
            monkeypatch.setattr(_passes, "at_outputs", real)

    monkeypatch.setattr("nmnc.torch.rule.Cut", Uncut)
    assert step("dfa").passed != []


def upstream(method, scale):
    """Gradients of the first section after the feedback was learned, with the weights behind its stage times `scale`."""
    model, (x, _) = Wired(), batch()
    fixed = torch.randn(32, 4, generator=torch.Generator().manual_seed(5))
    # An error that is the same whatever the output is.
    loss = lambda output, _: (output * fixed).mean()  # noqa: E731
    rule = nmnc.torch.NoiseCorrelation(model, ["first", "second"], method=method, dim=4, interval=100)
    rule.backward(x, None, loss)
    with torch.no_grad():
        for own in (*model.second.parameters(), *model.readout.parameters()):
            own.mul_(scale)
    model.zero_grad()
    rule.backward(x, None, loss)
    return gradients(model)["first.weight"]


@pytest.mark.parametrize("method", ["nmnc", "vnc", "dfa"])
def test_weights_behind_a_stage_matter_by_its_feedback_alone(method):
    assert torch.equal(upstream(method, 1.0), upstream(method, 3.0))


def test_and_backprop_would_fail_that():
    assert not torch.allclose(upstream("backprop", 1.0), upstream("backprop", 3.0))


def test_a_mirror_carries_the_error_through_what_it_learned():
    # Without nonlinearity: the error of the first map is e B_readout B_second, whatever the weights have become since.
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(12, 10), torch.nn.Linear(10, 8), torch.nn.Linear(8, 4))
    (x, _), fixed = batch(), torch.randn(32, 4)
    loss = lambda output, _: (output * fixed).sum()  # noqa: E731
    rule = nmnc.torch.NoiseCorrelation(model, method="mirror", interval=100)
    rule.backward(x, None, loss)
    with torch.no_grad():
        model[1].weight.mul_(-3.0)
        model[2].weight.add_(1.0)
    model.zero_grad()
    rule.backward(x, None, loss)
    second, readout = (torch.from_numpy(rule.feedback(name)) for name in "12")
    assert torch.allclose(model[0].weight.grad, (fixed @ readout @ second).T @ x, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(model[0].weight.grad, (fixed @ model[2].weight @ model[1].weight).T @ x, rtol=0.1, atol=0.1)
