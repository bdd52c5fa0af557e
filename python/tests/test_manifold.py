"""Components, dimension and captured energy against scikit-learn, numpy and closed forms."""

import pickle

import nmnc
import numpy as np
import pytest

SAMPLES, UNITS = 120, 30


@pytest.fixture
def activity():
    rng = np.random.default_rng(3)
    return rng.normal(size=(SAMPLES, UNITS)) * 0.8 ** np.arange(UNITS) @ np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0] + 5.0


@pytest.mark.parametrize("dim", [1, 6, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("wide", [False, True])
def test_manifold_is_the_pca_of_scikit_learn(activity, dim, wide):
    decomposition = pytest.importorskip("sklearn.decomposition", reason="scikit-learn is not installed")
    X = activity[:20] if wide else activity
    theirs = decomposition.PCA(n_components=dim, svd_solver="full").fit(X)
    ours = nmnc.Manifold(dim=dim).fit(X)
    assert ours.n_components_ == theirs.n_components_ and ours.n_features_in_ == theirs.n_features_in_
    for name in ("components_", "explained_variance_", "explained_variance_ratio_", "singular_values_", "mean_"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=2e-6, rel=1e-6), name
    Z = ours.transform(X)
    assert Z == pytest.approx(theirs.transform(X), abs=1e-5)
    assert ours.inverse_transform(Z) == pytest.approx(theirs.inverse_transform(Z), abs=1e-5)
    assert nmnc.Manifold(dim=dim).fit_transform(X) == pytest.approx(Z)


def test_manifold_is_a_transformer_of_scikit_learn(activity):
    base = pytest.importorskip("sklearn.base", reason="scikit-learn is not installed")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    manifold = nmnc.Manifold(dim=4, forgetting=0.9)
    copy = base.clone(manifold)
    assert copy is not manifold and copy.get_params() == manifold.get_params() == {"dim": 4, "forgetting": 0.9, "seed": 0}
    assert make_pipeline(StandardScaler(), copy).fit_transform(activity).shape == (SAMPLES, 4)


def test_batches_add_up_to_all_samples(activity):
    whole = nmnc.Manifold(dim=5).fit(activity)
    parts = nmnc.Manifold(dim=5)
    for batch in np.array_split(activity.astype(np.float32), 6):
        parts.partial_fit(batch)
    assert parts.n_samples_seen_ == SAMPLES and parts.mean_ == pytest.approx(whole.mean_, rel=1e-5)
    overlap = np.linalg.svd(parts.components_ @ whole.components_.T)[1]
    assert overlap.min() > 0.9999
    assert parts.explained_variance_ratio_ == pytest.approx(whole.explained_variance_ratio_, rel=2e-2)
    # Pickled in between, the same.
    half = nmnc.Manifold(dim=5).partial_fit(activity[:60])
    again = pickle.loads(pickle.dumps(half)).partial_fit(activity[60:])
    assert np.array_equal(half.partial_fit(activity[60:]).components_, again.components_)


def test_what_is_forgotten_counts_less():
    rng = np.random.default_rng(0)
    first, second = np.zeros((50, 8)), np.zeros((50, 8))
    first[:, 0], second[:, 1] = rng.normal(size=50) * 3, rng.normal(size=50)
    keeps, forgets = nmnc.Manifold(dim=1), nmnc.Manifold(dim=1, forgetting=0.05)
    for manifold in (keeps, forgets):
        manifold.partial_fit(first).partial_fit(second)
    assert abs(keeps.components_[0, 0]) > 0.99 and abs(forgets.components_[0, 1]) > 0.99


@pytest.mark.parametrize("kind", ["float32", "strided", "fortran", "list", "int"])
def test_any_array_is_taken(activity, kind):
    given = {
        "float32": activity.astype(np.float32),
        "strided": np.repeat(activity, 2, axis=1)[:, ::2],
        "fortran": np.asfortranarray(activity),
        "list": activity.tolist(),
        "int": (activity * 1e6).astype(np.int64),
    }[kind]
    ours = nmnc.Manifold(dim=3).fit(given)
    assert np.abs(ours.components_) == pytest.approx(np.abs(nmnc.Manifold(dim=3).fit(activity).components_), abs=1e-4)


def test_participation_ratio_is_its_definition(activity):
    C = np.cov(activity.T)
    assert nmnc.participation_ratio(activity, corrected=False) == pytest.approx(np.trace(C) ** 2 / (C * C).sum())
    rng = np.random.default_rng(0)
    few = [nmnc.participation_ratio(rng.normal(size=(40, 60))) for _ in range(40)]
    assert np.mean(few) == pytest.approx(60, rel=0.05)
    assert nmnc.participation_ratio(rng.normal(size=(40, 60)), corrected=False) < 30


def test_two_nn_finds_the_dimension_of_a_curved_sheet():
    rng = np.random.default_rng(1)
    u, v = rng.uniform(size=(2, 1500))
    sheet = np.stack([np.cos(3 * u), np.sin(3 * u), v, u * v], axis=1) @ rng.normal(size=(4, 20))
    found = nmnc.two_nn(sheet)
    assert found.interval[0] < found.value < found.interval[1] and abs(found.value - 2) < 0.25
    assert nmnc.two_nn(sheet) == found and nmnc.two_nn(sheet, points=500) != found


def test_captured_energy_is_its_definition_beside_random_subspaces(activity):
    manifold = nmnc.Manifold(dim=6).fit(activity)
    J = np.random.default_rng(2).normal(size=(4, 3, UNITS))
    found = nmnc.captured_energy(J, manifold)
    expected = np.cumsum(((J @ manifold.components_.T) ** 2).sum(axis=(0, 1))) / (J**2).sum()
    assert found.alpha == pytest.approx(expected, abs=1e-6)
    assert found.chance == pytest.approx(np.arange(1, 7) / UNITS)
    assert np.abs(found.random_mean - found.chance).max() < 4 * found.chance_sd.max() / 10
    assert nmnc.captured_energy(manifold.components_[:2], manifold).alpha[1] == pytest.approx(1, abs=1e-5)
    centered = nmnc.captured_energy(J[0], manifold, center_outputs=True).alpha
    assert centered == pytest.approx(nmnc.captured_energy(J[0] - J[0].mean(axis=0), manifold).alpha)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda x: nmnc.Manifold(dim=0).fit(x), nmnc.ConfigError, "dim: 0 is no dimension"),
        (lambda x: nmnc.Manifold(dim=1.5).fit(x), nmnc.ConfigError, "dim: 1.5 is no dimension"),
        (lambda x: nmnc.Manifold(dim=31).fit(x), nmnc.ConfigError, "dim: 31 components of 120 samples of 30 units; give"),
        (lambda x: nmnc.Manifold().partial_fit(x), nmnc.ConfigError, "dim: a fraction of variance cannot be followed"),
        (lambda x: nmnc.Manifold().transform(x), nmnc.ConfigError, "Manifold: has seen no activity"),
        (lambda x: nmnc.Manifold().fit(x).transform(x[:, :4]), nmnc.DataError, "X: has 4 columns; give 30"),
        (lambda x: nmnc.Manifold().fit(x[0]), nmnc.DataError, "X: has shape [30]; give [samples, units]"),
        (lambda x: nmnc.Manifold().fit(x[:1]), nmnc.DataError, "activity: has shape [1, 30]; give at least 2 samples"),
        (lambda x: nmnc.Manifold().fit(np.full((4, 3), np.nan)), nmnc.DataError, "activity: sample 0, unit 0 is not finite"),
        (lambda x: nmnc.Manifold().fit([["a"]]), nmnc.DataError, "X: cannot be read as numbers"),
        (lambda x: nmnc.Manifold().fit(x * 1j), nmnc.DataError, "X: cannot be read as numbers"),
        (lambda x: nmnc.Manifold().set_params(dims=3), nmnc.ConfigError, "dims: is no parameter of Manifold"),
        (lambda x: nmnc.participation_ratio(np.ones((9, 2))), nmnc.DataError, "X: does not vary"),
        (lambda x: nmnc.two_nn(x[:10]), nmnc.DataError, "X: only 10 points lie in different places, where 20 are needed"),
        (lambda x: nmnc.two_nn(np.eye(60)), nmnc.DataError, "X: the nearest 2 neighbors of 60 of 60 points are equally far"),
        (lambda x: nmnc.captured_energy(x, np.eye(4)), nmnc.ConfigError, "J: has shape [120, 30] for components [4, 4]"),
        (lambda x: nmnc.captured_energy(x, x[:3]), nmnc.DataError, "U: its rows are not orthonormal"),
    ],
)
def test_what_is_wrong_is_one_line(activity, call, kind, message):
    with pytest.raises(kind) as raised:
        call(activity)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)
