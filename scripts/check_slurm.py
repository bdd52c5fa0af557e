#!/usr/bin/env python3
"""Do the Slurm scripts of docs/cluster.md work, as they stand there?

    apt-get install slurm-wlm munge
    python3 scripts/check_slurm.py

Starts munged, slurmctld and slurmd on loopback, in a folder of their own, as a cluster of one node; submits each script to it as the
script's second line says, and looks at what the runs came to. The job that is requeued gets a time limit of two minutes and its signal
half a minute after it began, on the command line; all else is as written. Ends what it started. Needs root (slurmd starts jobs), the
program `target/release/nmnc`, and Python's standard library. With `--if-there` the lack of root or of Slurm, and a system that its daemons
do not start on (containers without what slurmd asks of a kernel), are told and no failure; what the scripts do is one always.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NMNC = ROOT / "target/release/nmnc"
DAEMONS = ["munged", "slurmctld", "slurmd"]
BASE = """
[data]
train_limit = 256
test_limit = 100
[network]
preset = "conv3"
widths = [4, 4, 4]
[credit]
rule = "bp"
[train]
epochs = EPOCHS
batch = 64
[metrics]
interval = 1000
[checkpoint]
interval = 1000000
"""
SWEEP = "base = 'base.toml'\nseeds = 2\n[grid]\ncredit.rule = ['bp', 'dfa']\n"


def configuration(folder: Path) -> str:
    host = socket.gethostname().split(".")[0]
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    return f"""ClusterName=nmnc
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=30
MpiDefault=none
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


class Cluster:
    """A cluster of one node, until it is closed."""

    def __init__(self, folder: Path):
        self.folder = folder
        for name in ["state", "spool", "work"]:
            (folder / name).mkdir()
        (folder / "munge.key").write_bytes(os.urandom(1024))
        (folder / "munge.key").chmod(0o400)
        (folder / "slurm.conf").write_text(configuration(folder))
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
        self.environment["PATH"] = f"{NMNC.parent}:{os.environ['PATH']}"
        munge = ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key", f"--socket={folder}/munge.socket"]
        munge += [f"--{kind}-file={folder}/munge.{kind}" for kind in ["pid", "log", "seed"]]
        self.processes = []
        for command in [munge, ["slurmctld", "-D", "-i"], ["slurmd", "-D"]]:
            log = (folder / f"{command[0]}.out").open("w")
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
            self.processes.append(process)
            time.sleep(2)
        try:
            self.until("the node is idle", lambda: "idle" in self.run("sinfo", "--noheader", "--format=%T"), 60)
        except SystemExit as late:
            self.close()
            lacking(f"Slurm does not start here ({late})")

    def run(self, *command: str) -> str:
        ran = subprocess.run(command, cwd=self.folder / "work", env=self.environment, capture_output=True, text=True)
        return ran.stdout + ran.stderr

    def until(self, what: str, done, seconds: float) -> None:
        """Waits for what is to come, and shows all logs if it does not."""
        begun = time.monotonic()
        while not done():
            if time.monotonic() - begun > seconds:
                for log in [*self.folder.glob("*.log"), *self.folder.glob("*.out"), *(self.folder / "work").glob("*.out")]:
                    print(f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
                sys.exit(f"error: not within {seconds:.0f} s: {what}")
            time.sleep(1)

    def close(self) -> None:
        if all(process.poll() is None for process in self.processes):
            self.run("scancel", "--full", "--user=root")
        for process in reversed(self.processes):
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def lacking(what: str) -> None:
    """Ends the check, which cannot be made."""
    if "--if-there" in sys.argv[1:]:
        print(f"passed over: {what}")
        sys.exit(0)
    sys.exit(f"error: {what}")


def script(name: str) -> str:
    page = (ROOT / "docs/cluster.md").read_text()
    found = [block for block in re.findall(r"```bash\n(.*?)```", page, re.S) if block.startswith(f"#!/bin/bash\n# {name}: ")]
    assert len(found) == 1, name
    return found[0]


def submit(cluster: Cluster, name: str, epochs: int, options: str) -> None:
    """Submits the script as its second line says, with further options."""
    work = cluster.folder / "work"
    shutil.rmtree(work)
    work.mkdir()
    (work / "base.toml").write_text(BASE.replace("EPOCHS", str(epochs)))
    (work / "rates.toml").write_text(SWEEP)
    (work / name).write_text(script(name))
    command = script(name).splitlines()[1].split(": ", 1)[1].replace("sbatch ", f"sbatch {options} ", 1)
    print(f"$ {command}", flush=True)
    print(cluster.run("bash", "-c", command), end="", flush=True)


def complete(cluster: Cluster) -> bool:
    status = cluster.run("nmnc", "sweep", "status", "rates.toml", "--quiet")
    return status.strip().endswith("4 runs: 4 complete") and not cluster.run("squeue", "--noheader").strip()


def weights(run: Path) -> bytes:
    return max((run / "checkpoints").glob("step-*")).joinpath("weights.safetensors").read_bytes()


def main() -> None:
    absent = [name for name in [*DAEMONS, "sbatch"] if not shutil.which(name)]
    if not NMNC.is_file():
        sys.exit(f"error: {NMNC} is not there; cargo build --release")
    if absent:
        lacking(f"{', '.join(absent)} not there (Debian: slurm-wlm, munge)")
    if os.geteuid() != 0:
        lacking("slurmd starts jobs as root alone")
    folder = Path(tempfile.mkdtemp(prefix="nmnc-slurm-"))
    cluster = Cluster(folder)
    try:
        submit(cluster, "array.sbatch", 2, "")
        cluster.until("the array is done", lambda: complete(cluster), 180)
        assert (folder / "work/runs/rates/report.html").is_file()
        print("array.sbatch: 4 runs complete, and the report written")
        submit(cluster, "requeue.sbatch", int(os.environ.get("EPOCHS", "2500")), "--time=2 --signal=USR1@90")
        cluster.until("the requeued array is done", lambda: complete(cluster), 900)
        told = "".join(path.read_text() for path in (folder / "work").glob("slurm-*.out"))
        # A signal in the last step of a run stops nothing: it is complete then.
        stops = re.findall(r"stopped after step (\d+) of", told)
        went_on = re.findall(r"going on after\s+step (\d+)", told)
        assert stops and sorted(stops) == sorted(went_on), told
        cluster.run("nmnc", "sweep", "rates.toml", "--out", "alone", "--quiet", "--task", "3")
        [alone] = (folder / "work/alone").glob("*-seed*")
        assert weights(alone) == weights(folder / "work/runs/rates" / alone.name), f"{alone.name} differs from the run made alone"
        print(f"requeue.sbatch: 4 runs complete after {len(stops)} stops, the third with the weights of the run made alone, going on after steps {', '.join(went_on)}")
    finally:
        cluster.close()
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
