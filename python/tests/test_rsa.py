"""Dissimilarities, comparisons and ceilings against the values of rsatoolbox, numpy and scipy."""

import json
from pathlib import Path

import nmnc
import numpy as np
import pytest
from nmnc import rsa

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden/rsa.json"
NAMES = {
    "cosine": "cosine",
    "spearman": "spearman",
    "corr": "pearson",
    "tau-a": "kendall-tau-a",
    "corr_cov": "whitened-pearson",
    "cosine_cov": "whitened-cosine",
}


@pytest.fixture(scope="module")
def golden():
    return json.loads(GOLDEN.read_text())


@pytest.fixture
def patterns(golden):
    return np.reshape(golden["patterns"], (golden["stimuli"], -1))


@pytest.mark.parametrize("method", ["euclidean", "correlation"])
def test_rdm_is_that_of_rsatoolbox(golden, patterns, method):
    assert rsa.rdm(patterns, method) == pytest.approx(np.array(golden["rdms"][method]), abs=1e-9)


def test_crossnobis_is_that_of_rsatoolbox(golden):
    presentations = np.reshape(golden["presentations"], (len(golden["stimulus_of"]), -1))
    found = rsa.rdm(presentations, "crossnobis", descriptor=golden["stimulus_of"])
    assert found == pytest.approx(np.array(golden["rdms"]["crossnobis"]), abs=1e-9)


@pytest.mark.parametrize("method", NAMES)
def test_compare_is_that_of_rsatoolbox(golden, method):
    subjects = np.array(golden["subjects"])
    found = rsa.compare(golden["rdms"]["correlation"], subjects, method)
    assert found.shape == (1, len(subjects))
    assert found[0] == pytest.approx(np.array(golden["comparisons"][NAMES[method]]["patterns"]), abs=1e-9)


def test_mahalanobis_is_its_definition(patterns):
    rng = np.random.default_rng(0)
    n = patterns.shape[1]
    root = rng.normal(size=(n, n))
    precision = root @ root.T + np.eye(n)
    found = rsa.rdm(patterns, "mahalanobis", noise=precision)
    i, j = np.triu_indices(len(patterns), 1)
    difference = patterns[i] - patterns[j]
    assert found == pytest.approx(((difference @ precision) * difference).sum(axis=1) / n)
    assert rsa.rdm(patterns, "mahalanobis") == pytest.approx(rsa.rdm(patterns, "euclidean"))


def test_presentations_of_a_condition_are_averaged(patterns):
    twice = np.concatenate([patterns + 1, patterns - 1])
    names = [f"c{k:02}" for k in range(len(patterns))] * 2
    assert rsa.rdm(twice, "correlation", descriptor=names) == pytest.approx(rsa.rdm(patterns, "correlation"))


def test_ceiling_bounds_the_truth(golden):
    subjects = np.array(golden["subjects"])
    found = rsa.ceiling(subjects, "cosine")
    unit = subjects / np.linalg.norm(subjects, axis=1, keepdims=True)
    assert found.upper == pytest.approx(rsa.compare(unit.mean(axis=0), subjects, "cosine").mean())
    assert found.lower < found.upper <= 1


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda p: rsa.rdm(p, "poisson"), nmnc.ConfigError, "method: unknown value `poisson`; known: euclidean, correlation,"),
        (lambda p: rsa.rdm(p, "crossnobis"), nmnc.ConfigError, "descriptor: is needed for `crossnobis`"),
        (lambda p: rsa.rdm(p, noise=np.eye(2)), nmnc.ConfigError, "noise: has no meaning with method `euclidean`"),
        (lambda p: rsa.rdm(p, "mahalanobis", noise=np.eye(2)), nmnc.DataError, "noise: has shape [2, 2] or is not symmetric"),
        (lambda p: rsa.rdm(p[:2]), nmnc.DataError, "dissimilarities: 2 stimuli, where at least three are needed"),
        (lambda p: rsa.rdm(p, descriptor=[1]), nmnc.ConfigError, "descriptor: has 1 entries for"),
        (lambda p: rsa.compare([1, 2, 3], [1, 2, 3], "rho-a"), nmnc.ConfigError, "method: unknown value `rho-a`; known: cosine"),
        (lambda p: rsa.compare([1, 2], [1, 2]), nmnc.ConfigError, "rdm1: 2 dissimilarities are no upper triangle"),
        (lambda p: rsa.compare([1, 2, 3], np.arange(6)), nmnc.ConfigError, "rdm2: is of 4 conditions, rdm1 of 3"),
        (lambda p: rsa.ceiling([1, 2, 3]), nmnc.ConfigError, "rdms: fewer than two matrices"),
    ],
)
def test_what_is_wrong_is_one_line(patterns, call, kind, message):
    with pytest.raises(kind) as raised:
        call(patterns)
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)
