"""Recordings in the form of BrainIO, written by xarray, with what must be read from them.

assembly_bins.nc: netCDF-4, neuroid x presentation x time_bin, float32 with a
value missing, strings, coordinates of flattened multi-indices (as BrainIO
writes assemblies), an integer repetition, compressed in chunks.
assembly_plain.nc: netCDF-4, presentation x neuroid, float64, characters instead
of strings, `image_id`, numbers as neuroid ids, neither animal nor time bins.
assembly_classic.nc: as bins without the missing value, in the format of netCDF-3.
assembly.json: stimuli, units, regions, subjects, presentations in the window and
over all bins, means, by xarray.

Made with xarray 2026.9.0, netCDF4 1.7.4, numpy 2.4.6.
Rerun: python scripts/golden/brain_assembly.py [--out FOLDER]
"""
import argparse
import json
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

GOLDEN = Path(__file__).resolve().parents[2] / "crates/nmnc-testing/golden"
WINDOW = (70, 170)


def assembly(missing):
    stream = np.random.default_rng(5)
    neuroids, stimuli, repetitions = 5, 4, 3
    starts = np.array([30, 70, 120, 170])
    # Presentations in a mixed order; the last stimulus is shown once less.
    order = [(s, r) for r in range(repetitions) for s in (2, 0, 3, 1) if (s, r) != (1, 2)]
    values = stream.standard_normal((neuroids, len(order), len(starts))).astype(np.float32)
    if missing:
        values[3, 4, 1] = np.nan
    return xr.DataArray(
        values, dims=("neuroid", "presentation", "time_bin"), name="lab.Example2026.public",
        coords={
            "stimulus_id": ("presentation", [f"object_{s:02d}é" for s, _ in order]),
            "repetition": ("presentation", np.array([r for _, r in order], dtype=np.int64)),
            "object_name": ("presentation", [["car", "face"][s % 2] for s, _ in order]),
            "neuroid_id": ("neuroid", [f"Chabo_L_{i}" for i in range(neuroids)]),
            "region": ("neuroid", ["V4", "IT", "IT", "V4", "IT"]),
            "animal": ("neuroid", ["Chabo", "Chabo", "Tito", "Tito", "Tito"]),
            "time_bin_start": ("time_bin", starts),
            "time_bin_end": ("time_bin", starts + 50),
        })


def plain():
    stream = np.random.default_rng(6)
    return xr.DataArray(
        stream.standard_normal((6, 3)), dims=("presentation", "neuroid"), name="plain",
        coords={
            "image_id": ("presentation", ["b", "a", "b", "c", "a", "c"]),
            "neuroid_id": ("neuroid", np.array([11, 12, 20], dtype=np.int32)),
            "region": ("neuroid", ["IT", "IT", "V1"]),
        })


def expected(array, stimulus, window=None):
    array = array.astype(np.float64)
    if window:
        inside = (array.time_bin_start >= window[0]) & (array.time_bin_end <= window[1])
        array = array.isel(time_bin=np.flatnonzero(inside.values))
    if "time_bin" in array.dims:
        array = array.mean("time_bin", skipna=False)
    array = array.transpose("presentation", "neuroid")
    ids = [str(s) for s in array[stimulus].values]
    stimuli = list(dict.fromkeys(ids))
    means = [array.isel(presentation=np.flatnonzero(np.array(ids) == s)).mean("presentation").values for s in stimuli]
    clean = lambda values: [[None if np.isnan(v) else float(v) for v in row] for row in values]
    text = lambda name: [str(v) for v in array[name].values] if name in array.coords else []
    return {
        "stimuli": stimuli, "stimulus_of": [stimuli.index(s) for s in ids],
        "units": text("neuroid_id"), "region": text("region"), "subject": text("animal"),
        "presentations": clean(array.values), "means": clean(means),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=GOLDEN)
    out = parser.parse_args().out
    bins, other = assembly(True), plain()
    bins.to_dataset().to_netcdf(
        out / "assembly_bins.nc", engine="netcdf4",
        encoding={bins.name: {"zlib": True, "chunksizes": (2, 5, 4)}})
    other.to_dataset().to_netcdf(
        out / "assembly_plain.nc", engine="netcdf4",
        encoding={name: {"dtype": "S1"} for name in ("image_id", "region")})
    classic = assembly(False)
    dataset = classic.to_dataset()
    dataset["repetition"] = dataset["repetition"].astype(np.int32)
    dataset.to_netcdf(out / "assembly_classic.nc", engine="netcdf4", format="NETCDF3_64BIT")
    table = {
        "made_by": "scripts/golden/brain_assembly.py", "xarray": xr.__version__, "netCDF4": netCDF4.__version__,
        "numpy": np.__version__, "window": WINDOW,
        "assembly_bins.nc": {"window": expected(bins, "stimulus_id", WINDOW), "all": expected(bins, "stimulus_id")},
        "assembly_plain.nc": {"all": expected(other, "image_id")},
        "assembly_classic.nc": {"window": expected(classic, "stimulus_id", WINDOW)},
    }
    (out / "assembly.json").write_text(json.dumps(table, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
