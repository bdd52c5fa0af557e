"""Training, runs and their networks, on tiny settings of the embedded data."""

import csv
import os
import signal
import subprocess
import sys
import threading
import time

import nmnc
import numpy as np
import pytest

IMAGES = {
    "data": {"train_limit": 200, "test_limit": 60},
    "network": {"preset": "conv3", "widths": [4, 4, 4]},
    "credit": {"rule": "nmnc", "interval": 2, "manifold": {"dimension": 3, "samples": 32}},
    "train": {"epochs": 2, "batch": 50},
    "metrics": {"interval": 2, "alignment_interval": 4, "dimension": 3, "samples": 32},
    "checkpoint": {"interval": 2, "keep": 9},
}
TASK = """
task = "DelayMatchSample"
credit.rule = "rflo"
recurrent.units = 12
train = { epochs = 1, trials = 64, batch = 32, evaluation = 40 }
metrics = { alignment_interval = 0 }
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return nmnc.train(IMAGES, tmp_path_factory.mktemp("runs") / "run")


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory):
    return nmnc.train(TASK, tmp_path_factory.mktemp("runs") / "task")


def test_a_run_says_what_came_out(run):
    assert run.summary["status"] == "complete" and run.summary["steps"] == 8
    assert run.config["credit"]["rule"] == "nmnc" and run.config["train"]["optimizer"]["name"] == "adam"
    assert run.checkpoints == [2, 4, 6, 8]
    steps = run.metrics["step"]
    assert steps.dtype == np.int64 and steps.tolist() == [1, 2, 4, 6, 8]
    tested = run.metrics["test_accuracy"]
    assert np.isfinite(tested).tolist() == [False, False, True, False, True]
    assert tested[-1] == run.summary["test"]["accuracy"]
    assert "test_top5" not in run.metrics and 0 < run.metrics["stage2.captured_energy"][0] <= 1
    again = nmnc.load_run(str(run.path))
    assert repr(again) == repr(run) and "complete" in repr(run)
    first = run.citations[0]
    assert first.text.startswith("B. Kang") and first.bibtex.startswith("@inproceedings")
    assert first.settings == ["credit.rule = nmnc"]


def test_the_table_is_read_without_options(run):
    with open(run.path / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for name, column in run.metrics.items():
        own = [float(row[name] or "nan") for row in rows]
        assert np.array_equal(own, column, equal_nan=True), name
    pandas = pytest.importorskip("pandas")
    table = pandas.read_csv(run.path / "metrics.csv")
    assert (table["rule"] == "nmnc").all() and (table["task"] == "fashion-mnist-sample").all() and "misses" not in table
    whole = ["seed", "step", "probes"]
    assert (table.dtypes[whole] == "int64").all() and (table.dtypes.drop(["rule", "task", *whole]) == "float64").all()
    frame = pandas.DataFrame(run.metrics)
    pandas.testing.assert_frame_equal(table[list(frame.columns)], frame)


def test_a_network_is_a_function_of_arrays(run):
    net = run.network()
    assert net.input_shape == [1, 28, 28] and net.outputs == 10 and net.step == 8
    assert list(net.stages.values()) == [4 * 14 * 14, 4 * 7 * 7, 4 * 3 * 3]
    x, y = run.examples(60)
    assert x.shape == (60, 1, 28, 28) and y.shape == (60,)
    out = net(x)
    assert out.dtype == np.float32 and out.shape == (60, 10)
    assert (out.argmax(1) == y).mean() == pytest.approx(run.summary["test"]["accuracy"])
    # One by one, flat, in double precision and from the other end of memory it is the same.
    flat = np.asfortranarray(x.reshape(60, -1).astype(np.float64))
    assert np.allclose(net(flat), out, atol=1e-5) and np.allclose(net(x[7:8]), out[7], atol=1e-5)
    activities = net.activities(x)
    assert {name: a.shape for name, a in activities.items()} == {name: (60, units) for name, units in net.stages.items()}
    # The readout is linear.
    weights = net.state_dict()
    last = activities[list(net.stages)[-1]]
    assert np.allclose(last @ weights["readout.weight"].T + weights["readout.bias"], out, atol=1e-4)
    early = run.network(2)
    assert early.step == 2 and not np.allclose(early(x), out)


def test_weights_go_out_and_come_back(run, tmp_path):
    net, early = run.network(), run.network(2)
    x, _ = run.examples(8)
    assert early.load_state_dict(net.state_dict()) is early
    assert np.array_equal(early(x), net(x))
    assert set(net.parameters) == set(net.state_dict())
    for name in ("weights.safetensors", "weights.pth"):
        net.save(tmp_path / name)
        assert np.array_equal(run.network(2).load(tmp_path / name)(x), net(x))
    state = net.state_dict()
    name = next(iter(state))
    for wrong in ({**state, "other": state[name]}, {k: v for k, v in state.items() if k != name}, {**state, name: state[name][:1]}):
        before = early(x)
        with pytest.raises(nmnc.DataError):
            early.load_state_dict(wrong)
        assert np.array_equal(early(x), before)


def test_weights_are_those_of_a_torch_module(run):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    nn = torch.nn

    def stage(channels):
        return [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]

    model = nn.Sequential(*stage(1), *stage(4), *stage(4), nn.Flatten(), nn.Linear(36, 10))
    net, state = run.network(), run.network().state_dict()
    names = [f"{layer}.{part}" for layer in [*net.stages, "readout"] for part in ("weight", "bias")]
    assert set(names) == set(state)
    model.load_state_dict({there: torch.from_numpy(state[here]) for there, here in zip(model.state_dict(), names)})
    x, _ = run.examples(8)
    assert np.allclose(model(torch.from_numpy(x)).detach().numpy(), net(x), atol=1e-5)
    back = {here: tensor.double() for here, tensor in zip(names, model.state_dict().values())}
    assert np.allclose(run.network(2).load_state_dict(back)(torch.from_numpy(x)), net(x), atol=1e-6)


def test_a_recurrent_network_takes_sequences(recurrent):
    net = recurrent.network()
    x, y = recurrent.examples(6)
    steps = x.shape[0]
    assert net.recurrent and x.shape == (steps, 6, *net.input_shape) and y.shape[:2] == (steps, 6)
    out, states = net(x), net.activities(x)["states"]
    assert out.shape == (steps, 6, net.outputs) and states.shape == (steps, 6, 12)
    assert np.allclose(net(x[:, 2:3])[:, 0], out[:, 2], atol=1e-5)
    assert np.allclose(net(x[:5]), out[:5], atol=1e-5), "the past does not depend on the future"
    other = recurrent.network().load_state_dict({name: 0 * value for name, value in net.state_dict().items()})
    assert not other(x).any()


def test_the_same_seed_gives_the_same_numbers_interrupted_or_not(run, tmp_path):
    class Enough(Exception):
        pass

    def watch(step, total, loss, rate):
        assert total == 8 and np.isfinite(loss) and rate > 0
        raise Enough

    with pytest.raises(Enough):
        nmnc.train(IMAGES, tmp_path / "run", progress=watch)
    stopped = nmnc.load_run(tmp_path / "run")
    assert stopped.summary is None and stopped.checkpoints == [1] and "not ended" in repr(stopped)
    whole = nmnc.train(IMAGES, tmp_path / "run", resume=True)
    last, own = (r.network().state_dict() for r in (whole, run))
    assert all(np.array_equal(last[name], own[name]) for name in own)
    assert nmnc.train(IMAGES, tmp_path / "run", resume=True).summary == whole.summary


SLOW = "import nmnc, sys; nmnc.train({**eval(sys.argv[1]), 'train': {'epochs': 100000, 'batch': 50}}, sys.argv[2])"


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_control_c_keeps_a_checkpoint(tmp_path):
    child = subprocess.Popen([sys.executable, "-c", SLOW, repr(IMAGES), str(tmp_path / "run")], stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "run" / "metrics.jsonl"
    while not (metrics.exists() and metrics.read_text()):
        assert child.poll() is None, child.stderr.read()
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGINT)
    _, error = child.communicate(timeout=60)
    assert error.strip().endswith("KeyboardInterrupt"), error
    run = nmnc.load_run(tmp_path / "run")
    assert run.summary is None and run.network().step == run.checkpoints[-1] > 0


def test_other_threads_run_meanwhile(tmp_path):
    counted, done = [0], threading.Event()

    def count():
        while not done.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    nmnc.train(IMAGES, tmp_path / "run")
    during = counted[0] - before
    done.set()
    thread.join()
    assert during > 10


def test_rules_are_compared_and_kept(tmp_path):
    small = {**IMAGES, "credit": {"rule": "bp"}}
    runs = nmnc.compare(small, ["bp", "dfa"], 2, tmp_path, set={"train.epochs": 1, "metrics": {"alignment_interval": 0}})
    assert [r.path.name for r in runs] == ["bp-seed0", "bp-seed1", "dfa-seed0", "dfa-seed1"]
    assert all(r.summary["epochs"] == 1 for r in runs)
    modified = [r.path.joinpath("summary.json").stat().st_mtime_ns for r in runs]
    again = nmnc.compare(small, ["bp", "dfa"], 2, tmp_path, set={"train.epochs": 1, "metrics": {"alignment_interval": 0}})
    assert [r.path.joinpath("summary.json").stat().st_mtime_ns for r in again] == modified
    with pytest.warns(UserWarning, match="diverged"):
        (run,) = nmnc.compare(small, ["bp"], 1, tmp_path / "wild", set={"train.optimizer": {"name": "sgd", "learning_rate": 1e30}})
    assert run.summary["status"] == "diverged"


def test_a_line_shows_how_far_it_is(tmp_path, capsys):
    nmnc.train(IMAGES, tmp_path / "run", progress=True)
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.startswith("\rrun: ") and captured.err.endswith("\n")
    assert "100 % of 8 steps, loss" in captured.err


def test_configurations_come_in_every_form(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = 'network = { preset = "mlp", widths = [4] }\ndata = { train_limit = 100, test_limit = 20 }\n[credit]\nrule = "bp"\n'
    (tmp_path / "tiny.toml").write_text(text)
    changes = {"train.epochs": np.int64(1), "data.standardize": "train", "metrics.alignment_interval": 0}
    run = nmnc.train("tiny.toml", set={**changes, "seed": 3})
    assert run.path.as_posix() == "runs/tiny-bp-seed3" and run.config["seed"] == 3
    assert nmnc.train(tmp_path / "tiny.toml", "path", set=changes).config == nmnc.train(text, "text", set=changes).config
    network = {"stages": [{"kind": "dense", "units": 4}]}
    mine = {"network": network, "data": {"train_limit": 100, "test_limit": 20}, "credit": {"rule": "bp"}}
    assert nmnc.train(mine, "dict", set=changes).config["network"]["stages"][0]["units"] == 4


@pytest.mark.parametrize(
    ("call", "error", "line"),
    [
        (lambda p: nmnc.train({"network": {"preset": "mlp"}, "credit": {"rule": "nmcn"}}, p / "x"), nmnc.ConfigError,
         "config: credit.rule: unknown rule `nmcn`; did you mean `nmnc`?"),
        (lambda p: nmnc.train("none.toml", p / "x"), nmnc.ConfigError,
         "none.toml: no such file; `nmnc config presets` prints configurations to start from"),
        (lambda p: nmnc.train(3, p / "x"), nmnc.ConfigError, "config: is of type int; give a path, TOML or a dict"),
        (lambda p: nmnc.train({"seed": {1, 2}}, p / "x"), nmnc.ConfigError,
         "config: holds a set; give text, numbers, truth values, lists and dicts"),
        (lambda p: nmnc.train(IMAGES, p / "x", set={"train.epohcs": 1}), nmnc.ConfigError, "did you mean `epochs`?"),
        (lambda p: nmnc.load_run(p / "none"), nmnc.CheckpointError,
         "not a run folder (it has no config.toml); give the folder that a training run wrote"),
    ],
)  # fmt: skip
def test_errors_are_exceptions_of_one_line(tmp_path, call, error, line):
    with pytest.raises(error) as raised:
        call(tmp_path)
    assert line in str(raised.value) and "\n" not in str(raised.value)
    assert not (tmp_path / "x").exists()


def test_wrong_arguments_of_runs_and_networks(run):
    with pytest.raises(nmnc.CheckpointError, match="has no checkpoint of step 3; there are those of steps 2, 4, 6, 8"):
        run.network(3)
    with pytest.raises(nmnc.ConfigError, match="split"):
        run.examples(3, "validation")
    with pytest.raises(nmnc.CheckpointError, match="continue it with resume=True, or name another folder as `out`"):
        nmnc.train(IMAGES, run.path)
    net = run.network()
    for x in (np.zeros((2, 27, 28)), np.zeros((0, 784)), np.zeros(784), np.zeros((2, 1, 28, 28), complex), ["a"], None):
        with pytest.raises(nmnc.DataError, match=r"^x: ") as raised:
            net(x)
        assert "\n" not in str(raised.value)
