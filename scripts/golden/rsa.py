"""Dissimilarity matrices, their comparison and noise ceilings by rsatoolbox 0.3 -> crates/nmnc-testing/golden/rsa.json.

    python3 -m venv v && v/bin/pip install "rsatoolbox==0.3.*" && v/bin/python scripts/golden/rsa.py
"""

import json
import pathlib

import numpy as np
import rsatoolbox as rs
from scipy.spatial.distance import pdist

rng = np.random.default_rng(92)
STIMULI, UNITS, REPETITIONS, SUBJECTS = 12, 9, 4, 4

latent = rng.normal(size=(STIMULI, UNITS))
patterns = latent + 0.5 * rng.normal(size=latent.shape) + 1.0

# Presentations in random order, every stimulus as often.
stimulus_of = rng.permutation(np.repeat(np.arange(STIMULI), REPETITIONS))
presentations = latent[stimulus_of] + 0.8 * rng.normal(size=(len(stimulus_of), UNITS))
seen = np.zeros(STIMULI, int)
repetition = np.empty(len(stimulus_of), int)
for at, stimulus in enumerate(stimulus_of):
    repetition[at] = seen[stimulus]
    seen[stimulus] += 1

data = rs.data.Dataset(patterns, obs_descriptors={"stimulus": np.arange(STIMULI)})
repeated = rs.data.Dataset(presentations, obs_descriptors={"stimulus": stimulus_of, "repetition": repetition})
matrix = lambda rdms: rdms.get_vectors()[0].tolist()
rdms = {
    "correlation": matrix(rs.rdm.calc_rdm(data, method="correlation", descriptor="stimulus")),
    "euclidean": matrix(rs.rdm.calc_rdm(data, method="euclidean", descriptor="stimulus")),
    # rsatoolbox 0.3 has no cosine distance.
    "cosine": pdist(patterns, "cosine").tolist(),
    "crossnobis": matrix(
        rs.rdm.calc_rdm(repeated, method="crossnobis", descriptor="stimulus", cv_descriptor="repetition")
    ),
}

subjects = np.stack([pdist(latent + 0.9 * rng.normal(size=latent.shape), "correlation") for _ in range(SUBJECTS)])
# A model that predicts ties, as categories do.
categories = np.repeat(np.arange(4), STIMULI // 4)
tied = (categories[:, None] != categories[None, :])[np.triu_indices(STIMULI, 1)].astype(float) + 0.25 * rng.integers(
    0, 2, STIMULI * (STIMULI - 1) // 2
)
METHODS = {
    "spearman": "spearman",
    "kendall-tau-a": "tau-a",
    "pearson": "corr",
    "cosine": "cosine",
    "whitened-cosine": "cosine_cov",
    "whitened-pearson": "corr_cov",
}
wrap = lambda vectors: rs.rdm.RDMs(np.atleast_2d(vectors))
comparisons = {
    name: {
        "patterns": rs.rdm.compare(wrap(rdms["correlation"]), wrap(subjects), method=method)[0].tolist(),
        "tied": rs.rdm.compare(wrap(tied), wrap(subjects), method=method)[0].tolist(),
    }
    for name, method in METHODS.items()
}
ceilings = {
    name: [float(v) for v in rs.inference.boot_noise_ceiling(wrap(subjects), method=METHODS[name])]
    for name in METHODS
}

out = {
    "rsatoolbox": rs.__version__ if hasattr(rs, "__version__") else "0.3",
    "stimuli": STIMULI,
    "patterns": patterns.ravel().tolist(),
    "presentations": presentations.ravel().tolist(),
    "stimulus_of": stimulus_of.tolist(),
    "rdms": rdms,
    "subjects": subjects.tolist(),
    "tied": tied.tolist(),
    "comparisons": comparisons,
    "ceilings": ceilings,
}
path = pathlib.Path(__file__).parents[2] / "crates/nmnc-testing/golden/rsa.json"
path.write_text(json.dumps(out) + "\n")
print({k: v for k, v in ceilings.items()})
