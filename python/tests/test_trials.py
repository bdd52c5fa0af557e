"""Alignment of noise on populations of known truth; what it predicts, against drawn correlations."""

import warnings

import nmnc
import numpy as np
import pytest

CONDITIONS, REPEATS, UNITS, DIM = 40, 10, 30, 3


def population(noise, seed=0):
    """Condition means on DIM dimensions and noise of a standard deviation along each axis."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.normal(size=(UNITS, UNITS)))[0].T
    means = rng.normal(size=(CONDITIONS, 1, DIM)) @ axes[:DIM]
    return means + rng.normal(size=(CONDITIONS, REPEATS, UNITS)) * noise @ axes + 4.0, axes


@pytest.mark.parametrize(("on", "off"), [(0.6, 0.02), (0.02, 0.3), (0.4, 0.4)])
def test_alignment_is_the_truth(on, off):
    noise = np.where(np.arange(UNITS) < DIM, on, off)
    X, axes = population(noise)
    found = nmnc.noise_alignment(X, dim=DIM)
    truth = (noise[:DIM] ** 2).sum() / (noise**2).sum()
    assert abs(found.alpha - truth) < 3 * found.se + 0.01 and found.se < 0.03
    assert found.dim_ == DIM and found.chance == DIM / UNITS and found.signal > 0.9
    assert np.linalg.svd(found.components_[:DIM] @ axes[:DIM].T)[1].min() > 0.9
    assert found.noise_variance == pytest.approx((noise**2).sum(), rel=0.1)
    # The prediction, against correlations drawn with the true noise.
    rng = np.random.default_rng(5)
    K = int(found.cosines["probes"][6])
    rows = rng.normal(size=(200, 1, DIM)) @ axes[:DIM]
    xi = rng.normal(size=(200, K, UNITS)) * noise @ axes
    estimates = ((xi * rows).sum(axis=2, keepdims=True) * xi).mean(axis=1)
    rows = rows[:, 0]
    cosine = ((estimates * rows).sum(axis=1) / np.linalg.norm(estimates, axis=1) / np.linalg.norm(rows, axis=1)).mean()
    assert K == 64 and (on < off or abs(found.cosines["cosine"][6] - cosine) < 0.04)
    # The law itself, with the true covariance.
    covariance = axes.T * noise**2 @ axes
    law = np.mean([nmnc.predicted_cosine(covariance, row, [K])[0][0] for row in rows])
    assert abs(law - cosine) < 0.03


def test_tables_are_columns_and_a_seed_repeats_them():
    X, _ = population(np.full(UNITS, 0.3))
    found, again = nmnc.noise_alignment(X), nmnc.noise_alignment(X.copy())
    for table in ("curve", "cosines"):
        columns = getattr(found, table)
        assert len({len(column) for column in columns.values()}) == 1
        assert all(np.array_equal(column, getattr(again, table)[name], equal_nan=True) for name, column in columns.items())
    assert found.curve["dim"][:2].tolist() == [1, 2] and found.components_.shape == (len(found.curve["dim"]), UNITS)
    assert found.alpha == found.curve["alpha"][found.dim_ - 1]
    assert nmnc.noise_alignment(X, seed=1).alpha != found.alpha


def test_a_gain_is_on_the_manifold_and_can_be_taken_out():
    X, _ = population(np.full(UNITS, 0.1))
    gain = 1 + 0.3 * np.random.default_rng(9).normal(size=(CONDITIONS, REPEATS, 1))
    scaled = (X - 4.0) * gain
    found, cleaned = nmnc.noise_alignment(scaled, dim=DIM), nmnc.noise_alignment(scaled, dim=DIM, remove_gain=True)
    assert found.alpha > 0.4 and cleaned.without_gain and not found.without_gain
    # One direction a condition is gone, which was of the manifold.
    assert abs(cleaned.alpha - (DIM - 1) / (UNITS - 1)) < 3 * cleaned.se + 0.005


def test_missing_trials_are_rows_of_nan():
    X, _ = population(np.full(UNITS, 0.3))
    X[3, [0, 4]] = np.nan
    found = nmnc.noise_alignment(X.astype(np.float32), dim=DIM)
    assert found.missing == 2 and found.repeats == (8, 10) and found.conditions == CONDITIONS
    assert abs(found.alpha - 0.1) < 0.02


def test_without_a_signal_there_is_a_warning_or_an_error():
    rng = np.random.default_rng(1)
    seen = set()
    for _ in range(6):
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                nmnc.noise_alignment(rng.normal(size=(20, 6, 10)), dim=1)
            assert "within two standard errors of none" in str(caught[0].message)
            seen.add("warned")
        except nmnc.DataError as error:
            assert "differ no more than noise makes them" in str(error)
            seen.add("refused")
    assert seen == {"warned", "refused"}


@pytest.mark.parametrize(
    ("shape", "arguments", "kind", "message"),
    [
        ((4, 5), {}, nmnc.DataError, "trials: of shape [4, 5] instead of [conditions, repeats, units]"),
        ((4, 1, 5), {}, nmnc.DataError, "trials: of shape [4, 1, 5]; give at least 2 conditions, 4 repeats"),
        ((4, 6, 5), {"dim": 0}, nmnc.ConfigError, "dim: 0 is no dimension"),
        ((4, 6, 5), {"dim": 50}, nmnc.ConfigError, "dim: 50 of the "),
        ((4, 6, 5), {"probes": [0]}, nmnc.ConfigError, "probes: no trials"),
        ((4, 6, 5), {"groups": 1}, nmnc.ConfigError, "groups: 1 is too few"),
    ],
)
def test_what_is_wrong_is_one_line(shape, arguments, kind, message):
    values = np.random.default_rng(0).normal(size=shape) + 3 * np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    with pytest.raises(kind) as raised:
        nmnc.noise_alignment(values, **arguments)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_gaps_and_constants_are_refused():
    values = np.ones((3, 5, 2))
    with pytest.raises(nmnc.DataError, match="do not differ"):
        nmnc.noise_alignment(values)
    values[1, 2, 1] = np.nan
    with pytest.raises(nmnc.DataError, match="condition 1, repeat 2, unit 1 is not finite"):
        nmnc.noise_alignment(values)
    with pytest.raises(nmnc.ConfigError, match="predicted_cosine: shapes"):
        nmnc.predicted_cosine(np.eye(3), np.ones(2), [1])
