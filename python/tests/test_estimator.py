"""The estimator against Jacobians that are known."""

import pickle

import nmnc
import numpy as np
import pytest

UNITS, OUTPUTS, DIM = 40, 3, 6


def error(est, jacobian):
    return np.linalg.norm(est.jacobian_ - jacobian) / np.linalg.norm(jacobian)


@pytest.fixture
def world():
    """Activity on a plane of DIM dimensions, and a Jacobian whose rows lie on it."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(UNITS, DIM)))[0].T
    activity = rng.normal(size=(300, DIM)) @ basis + 1.0
    jacobian = rng.normal(size=(OUTPUTS, DIM)) @ basis
    return rng, activity, jacobian


def test_linear_box_is_known_exactly_from_as_many_probes_as_components(world):
    _, activity, jacobian = world
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM, ridge=1e-9).partial_fit(activity)
    probes = est.ask(DIM)
    assert probes.values.shape == (DIM, UNITS) and probes.values.dtype == np.float32
    assert est.tell(probes, probes.values @ jacobian.T) == DIM
    assert error(est, jacobian) < 1e-3
    e = np.eye(OUTPUTS)
    assert np.allclose(est.signal(e), est.jacobian_)
    # Noise anywhere has seen six of forty directions.
    blind = nmnc.JacobianEstimator(UNITS, OUTPUTS, ridge=1e-9).partial_fit(activity)
    probes = blind.ask(DIM)
    blind.tell(probes, probes.values @ jacobian.T)
    assert error(blind, jacobian) > 0.8


def test_noise_has_the_size_that_was_asked_for(world):
    _, activity, _ = world
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM, sigma=0.2).partial_fit(activity)
    norms = np.linalg.norm(est.ask(4000).values, axis=1)
    rms = np.sqrt(np.mean(np.sum(activity**2, axis=1)))
    assert np.sqrt(np.mean(norms**2)) == pytest.approx(0.2 * rms, rel=0.03)
    inside = est.ask(50).values
    assert np.allclose(inside @ est.components_.T @ est.components_, inside, atol=1e-5)


@pytest.mark.parametrize("estimator", ["recursive", "least-squares", "average"])
def test_answers_in_any_order_late_and_in_parts(world, estimator):
    rng, activity, jacobian = world
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM, estimator=estimator, noise="orthogonal", seed=3)
    est.partial_fit(activity)
    first, second = est.ask(4 * DIM), est.ask(4 * DIM)
    assert first.numbers.tolist() == list(range(4 * DIM))
    assert second.numbers[0] == 4 * DIM
    answers = {int(n): v @ jacobian.T for p in (first, second) for n, v in zip(p.numbers, p.values)}
    # The second before the first, the first in two parts and after the components have moved.
    for part in (second, first[[5, 1, 3]]):
        est.tell(part, [answers[int(n)] for n in part.numbers])
    est.partial_fit(activity[rng.permutation(300)[:200]])
    for _ in range(60 if estimator == "average" else 1):
        est.tell(first, [answers[int(n)] for n in first.numbers])
    assert error(est, jacobian) < {"recursive": 0.02, "least-squares": 0.02, "average": 0.1}[estimator]


def test_missing_answers_are_dropped_and_counted(world):
    _, activity, jacobian = world
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM, ridge=1e-9).partial_fit(activity)
    probes = est.ask(10)
    changes = list(probes.values @ jacobian.T)
    changes[2] = None
    changes[7] = np.array([0.0, np.nan, 0.0])
    changes[8] = [np.inf, 0.0, 0.0]
    assert est.tell(probes, changes) == 7
    assert (est.probes_, est.dropped_) == (7, 3)
    assert error(est, jacobian) < 1e-3
    before = est.jacobian_
    assert est.tell(probes, np.full((10, OUTPUTS), np.nan)) == 0
    assert np.array_equal(est.jacobian_, before) and est.dropped_ == 13
    single = nmnc.JacobianEstimator(UNITS, 1, dim=DIM).partial_fit(activity)
    probes = single.ask(3)
    assert single.tell(probes, [0.1, None, 0.2]) == 2


def test_any_type_and_order_of_memory_is_the_same(world):
    _, activity, _ = world
    kept = None
    for form in (np.float32, np.float64, np.float16, "fortran", "list", "strided"):
        est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM)
        given = np.round(activity * 64) / 64
        if form == "fortran":
            given = np.asfortranarray(given.astype(np.float32))
        elif form == "list":
            given = given.tolist()
        elif form == "strided":
            given = np.repeat(given, 2, axis=1)[:, ::2]
        else:
            given = given.astype(form)
        values = est.partial_fit(given).ask(5).values
        kept = values if kept is None else kept
        assert np.array_equal(values, kept), form


def test_state_pickles_and_goes_on_to_the_same_bits(world):
    _, activity, jacobian = world
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM, forgetting=0.9, seed=5).partial_fit(activity)
    probes = est.ask(7)
    est.tell(probes, probes.values @ jacobian.T)
    twin = pickle.loads(pickle.dumps(est))
    for own in (est, twin):
        own.partial_fit(activity[:50])
        probes = own.ask(7)
        own.tell(probes, probes.values @ jacobian.T * 1.5)
    assert np.array_equal(est.jacobian_, twin.jacobian_)
    assert (est.error_, est.residual_, est.probes_) == (twin.error_, twin.residual_, twin.probes_)
    other = nmnc.JacobianEstimator(UNITS + 1, OUTPUTS, dim=DIM)
    with pytest.raises(nmnc.CheckpointError, match="shape"):
        other.restore(est.state())


def test_error_is_calibrated_and_probes_are_suggested_by_it(world):
    rng, activity, _ = world
    noise = 0.5
    found = {"before": [], "after": []}
    for seed in range(20):
        est = nmnc.JacobianEstimator(UNITS, 50, dim=DIM, ridge=noise**2, seed=seed).partial_fit(activity)
        # Entries of unit variance along the coordinates of the perturbations.
        jacobian = rng.normal(size=(50, DIM)) @ est.components_
        deviation = np.sqrt(np.mean((est.ask(500).values @ est.components_.T) ** 2))

        def answer(probes, jacobian=jacobian, deviation=deviation):
            clean = probes.values @ jacobian.T
            return clean + rng.normal(size=clean.shape) * noise * deviation

        probes = est.ask(4)
        est.tell(probes, answer(probes))
        found["before"].append((est.error_, error(est, jacobian)))
        probes = est.ask(est.suggest_probes(0.2))
        est.tell(probes, answer(probes))
        found["after"].append((est.error_, error(est, jacobian)))
    for expected, true in (np.mean(found[when], axis=0) for when in ("before", "after")):
        assert true == pytest.approx(expected, rel=0.1)
    assert np.mean(found["after"], axis=0)[1] == pytest.approx(0.2, rel=0.15)
    assert est.suggest_probes(0.9) == 0
    average = nmnc.JacobianEstimator(UNITS, 2, dim=DIM, estimator="average").partial_fit(activity)
    probes = average.ask(3)
    average.tell(probes, np.ones((3, 2)))
    with pytest.raises(nmnc.ConfigError, match="target_error"):
        average.suggest_probes(1e-3)


def test_forgetting_follows_a_drift_that_memory_does_not(world):
    _, activity, jacobian = world
    ends = {}
    for forgetting in (1.0, 0.7):
        est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM, forgetting=forgetting).partial_fit(activity)
        for step in range(60):
            moving = jacobian if step < 30 else -jacobian
            probes = est.ask(3)
            est.tell(probes, probes.values @ moving.T)
        ends[forgetting] = error(est, -jacobian)
    assert ends[0.7] < 0.01 < 0.5 < ends[1.0]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: nmnc.JacobianEstimator(0, 3), "units"),
        (lambda: nmnc.JacobianEstimator(4, 0), "outputs"),
        (lambda: nmnc.JacobianEstimator(4, 3, dim=0), "dim"),
        (lambda: nmnc.JacobianEstimator(4, 3, dim=1.5), "dim"),
        (lambda: nmnc.JacobianEstimator(4, 3, dim="many"), "dim"),
        (lambda: nmnc.JacobianEstimator(4, 3, estimator="recursiv"), "did you mean `recursive`"),
        (lambda: nmnc.JacobianEstimator(4, 3, noise="white"), "gaussian"),
        (lambda: nmnc.JacobianEstimator(4, 3, sigma=-1.0), "sigma"),
        (lambda: nmnc.JacobianEstimator(4, 3, eta=0.5), "eta"),
        (lambda: nmnc.JacobianEstimator(4, 3, method="exact"), "manifold"),
        (lambda: nmnc.JacobianEstimator(20_000, 3), "recursive"),
        (lambda: nmnc.JacobianEstimator(4, 3).ask(1), "partial_fit"),
        (lambda: nmnc.JacobianEstimator(4, 3).ask(1, np.zeros((1, 4))), "zero"),
        (lambda: nmnc.JacobianEstimator(4, 3, dim=2).ask(1, np.ones((1, 4))), "manifold"),
        (lambda: nmnc.JacobianEstimator(4, 3).partial_fit(np.ones((2, 5))), r"\[any, 4\]"),
        (lambda: nmnc.JacobianEstimator(4, 3).partial_fit(np.ones((2, 4), complex)), "complex"),
        (lambda: nmnc.JacobianEstimator(4, 3).partial_fit([["a"] * 4]), "numbers"),
        (lambda: nmnc.JacobianEstimator(4, 3).partial_fit(np.ones((1, 4))).ask(0), "count"),
        (lambda: nmnc.JacobianEstimator(4, 3).suggest_probes(0.0), "target_error"),
    ],
)
def test_wrong_arguments_are_one_line(call, words):
    with pytest.raises(nmnc.ConfigError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, (nmnc.NmncError, ValueError))


def test_activity_that_is_not_finite_or_does_not_vary():
    est = nmnc.JacobianEstimator(4, 3, dim=2)
    with pytest.raises(nmnc.DivergedError, match="finite"):
        est.partial_fit(np.full((5, 4), np.nan))
    with pytest.warns(UserWarning, match="does not vary"):
        est.partial_fit(np.ones((5, 4)))


def test_probes_are_parts_of_themselves(world):
    _, activity, _ = world
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM).partial_fit(activity)
    probes = est.ask(6)
    assert np.array_equal(probes[1:4].values, probes.values[1:4])
    assert probes[[4, -1]].numbers.tolist() == [4, 5]
    assert probes[::-2].numbers.tolist() == [5, 3, 1]
    assert len(probes[2]) == 1
    with pytest.raises(IndexError):
        probes[6]
    other = nmnc.JacobianEstimator(UNITS + 2, OUTPUTS, dim=DIM).partial_fit(np.random.default_rng(0).normal(size=(30, UNITS + 2)))
    with pytest.raises(nmnc.ConfigError, match="another estimator"):
        other.tell(probes, np.zeros((6, OUTPUTS)))


def test_tensors_of_pytorch_are_taken_in_any_type():
    torch = pytest.importorskip("torch")
    given = torch.arange(8.0).reshape(2, 4)
    expected = nmnc.JacobianEstimator(4, 3).partial_fit(given.numpy()).ask(2).values
    assert np.abs(expected).min() > 0
    for form in (given.bfloat16().requires_grad_(), given.double(), given.T.contiguous().T, given.int()):
        assert np.array_equal(nmnc.JacobianEstimator(4, 3).partial_fit(form).ask(2).values, expected)


def test_one_seed_fixes_everything(world):
    _, activity, _ = world
    draw = lambda **options: nmnc.JacobianEstimator(UNITS, OUTPUTS, dim=DIM, **options).partial_fit(activity).ask(5).values  # noqa: E731
    assert np.array_equal(draw(seed=4), draw(seed=4))
    assert not np.allclose(draw(seed=4), draw(seed=5))
    assert not np.allclose(draw(seed=4), draw(seed=4, index=1))


def test_variation_that_nobody_made_teaches_what_it_varies_along(world):
    rng, activity, _ = world
    other = rng.normal(size=(OUTPUTS, UNITS))
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, estimator="least-squares").partial_fit(activity)
    for _ in range(30):
        est.observe(activity, activity @ other.T, ridge=1e-4)
    basis = np.linalg.svd(activity - activity.mean(0))[2][:DIM]
    assert np.allclose(est.jacobian_ @ basis.T, other @ basis.T, atol=1e-2)
    assert np.allclose(est.jacobian_ - est.jacobian_ @ basis.T @ basis, 0, atol=1e-3)
    # Probes add what lies off the directions of the activity.
    probes = est.ask(UNITS)
    est.tell(probes, probes.values @ other.T)
    assert error(est, other) < 0.02


def test_a_filter_finds_drift_and_noise_by_itself(world):
    rng, activity, _ = world
    drifting = rng.normal(size=(OUTPUTS, UNITS))
    options = {"dim": DIM, "exponent": 0.0, "rest": 0.2}
    own = nmnc.JacobianEstimator(UNITS, OUTPUTS, estimator="kalman", **options).partial_fit(activity)
    single = nmnc.JacobianEstimator(UNITS, OUTPUTS, estimator="least-squares", **options).partial_fit(activity)
    errors = []
    for _ in range(60):
        drifting = drifting + 0.02 * rng.normal(size=drifting.shape)
        for est in (own, single):
            probes = est.ask(UNITS + 4)
            scale = 0.3 * np.linalg.norm(probes.values, axis=1).mean() / UNITS**0.5
            est.tell(probes, probes.values @ drifting.T + scale * rng.normal(size=(UNITS + 4, OUTPUTS)))
        errors.append([error(own, drifting), error(single, drifting)])
    filtered, solved = np.mean(errors[20:], axis=0)
    assert filtered < 0.5 * solved
    assert own.error_ == pytest.approx(errors[-1][0], rel=0.4)
    again = pickle.loads(pickle.dumps(own))
    assert np.array_equal(again.jacobian_, own.jacobian_) and again.error_ == own.error_


def test_aimed_noise_leaves_what_is_known_and_stays_alone(world):
    rng, activity, _ = world
    basis = np.linalg.svd(activity - activity.mean(0))[2][:DIM]
    jacobian = rng.normal(size=(OUTPUTS, UNITS))
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, DIM, estimator="kalman", aimed=True).partial_fit(activity)
    energies = []
    for _ in range(40):
        # It moves along the first four components, which are a band of their own.
        jacobian = jacobian + 0.3 * rng.normal(size=(OUTPUTS, 4)) @ basis[:4]
        probes = est.ask(UNITS)
        energies.append(np.square(probes.values @ basis[:4].T).sum() / np.square(probes.values).sum())
        est.tell(probes, probes.values @ jacobian.T)
    assert np.mean(energies[20:]) > energies[0] + 0.1
    again = pickle.loads(pickle.dumps(est))
    assert np.array_equal(again.ask(5).values, est.ask(5).values)
    for options, problem in [
        ({"dim": DIM}, "aimed: needs a filter"),
        ({"dim": DIM, "estimator": "kalman", "rest": 0.0}, "aimed: has to look off the components"),
        ({"estimator": "kalman"}, "aimed: there are no components"),
    ]:
        with pytest.raises(nmnc.ConfigError, match=problem):
            nmnc.JacobianEstimator(UNITS, OUTPUTS, aimed=True, **options)


def test_noise_has_the_share_off_the_components_that_is_asked_for(world):
    _, activity, _ = world
    basis = np.linalg.svd(activity - activity.mean(0))[2][:DIM]
    for rest in (0.0, 0.3):
        est = nmnc.JacobianEstimator(UNITS, OUTPUTS, DIM, estimator="average", exponent=1.0, rest=rest).partial_fit(activity)
        values = est.ask(4000).values
        inside = np.square(values @ basis.T).sum() / np.square(values).sum()
        assert 1 - inside == pytest.approx(rest, abs=0.02)


def test_a_cause_that_moves_both_is_taken_for_an_effect_unless_one_perturbs(world):
    rng, _, _ = world
    common = rng.normal(size=(500, 1))
    x = common @ np.ones((1, UNITS)) + rng.normal(size=(500, UNITS))
    y = np.repeat(common, OUTPUTS, axis=1)
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, estimator="least-squares").partial_fit(x)
    est.observe(x, y, ridge=0.01)
    assert est.jacobian_.sum(axis=1) == pytest.approx(np.ones(OUTPUTS), rel=0.1)
    probes = est.ask(UNITS)
    est.tell(probes, np.zeros((UNITS, OUTPUTS)))
    assert np.abs(est.jacobian_).max() < 1e-3


@pytest.mark.parametrize(
    ("outputs", "ridge", "message"),
    [
        (np.zeros((3, OUTPUTS)), 1.0, "outputs: has 3 rows for 4 of activity"),
        (np.zeros((4, OUTPUTS)), 0.0, "ridge: 0 is not a positive number"),
        (np.full((4, OUTPUTS), np.inf), 1.0, "not finite"),
    ],
)
def test_observations_that_cannot_be_are_refused(outputs, ridge, message):
    est = nmnc.JacobianEstimator(UNITS, OUTPUTS, estimator="least-squares")
    with pytest.raises(nmnc.NmncError, match=message):
        est.observe(np.random.default_rng(0).normal(size=(4, UNITS)), outputs, ridge=ridge)
    assert not est.jacobian_.any()
