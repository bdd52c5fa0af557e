#!/usr/bin/env python3
"""Holds the dependencies to deny.toml: advisories, licences, bans and sources, with cargo-deny.

    python3 scripts/deny.py                  checks
    python3 scripts/deny.py --keep           makes the newest database of advisories the one that is kept here
    python3 scripts/deny.py --keep FOLDER    the same from a clone of it

Advisories come from RustSec's database, the newest where it can be reached. Where it can't, they come from the one kept in
scripts/dependencies/advisories.tar.xz, and a line says so and of what day it is. Needs cargo-deny 0.20 or later and git.
"""
import io
import os
import shutil
import subprocess
import sys
import tarfile
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "scripts/dependencies/advisories.tar.xz"
# Where cargo-deny looks for it: `db-path` of deny.toml, and a name made of the address.
DATABASE = ROOT / "target/advisories/advisory-db-3157b0e258782691"
# The parts of the database that say something about crates, and under which licence.
PARTS = ("crates/", "rust/", "LICENSE.txt", "LICENSES/", "support.toml")
PATIENCE = 30


def run(*command, **options):
    return subprocess.run(command, cwd=ROOT, **options)


def git(*arguments, **options):
    command = ["git", "-C", str(DATABASE), "-c", "user.name=nmnc", "-c", "user.email=nmnc@localhost", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout.strip()


def fetch():
    """The newest database, if it can be had within half a minute."""
    shutil.rmtree(DATABASE, ignore_errors=True)
    quiet = os.environ | {"GIT_TERMINAL_PROMPT": "0"}
    try:
        return run("cargo", "deny", "fetch", "db", capture_output=True, env=quiet, timeout=PATIENCE).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def unpack():
    """Lays the kept database where cargo-deny looks for one, and returns its day."""
    shutil.rmtree(DATABASE, ignore_errors=True)
    DATABASE.mkdir(parents=True)
    with tarfile.open(KEPT) as archive:
        day = datetime.fromtimestamp(max(member.mtime for member in archive), timezone.utc)
        archive.extractall(DATABASE, filter="data")
    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "as kept", env=os.environ | {"GIT_COMMITTER_DATE": day.isoformat()})
    return f"{day:%Y-%m-%d}"


def keep(clone):
    """Packs what a clone has at HEAD; one commit always gives the same archive."""
    git = ["git", "-C", str(clone)]
    when = int(subprocess.run([*git, "log", "-1", "--format=%ct"], check=True, capture_output=True, text=True).stdout)
    packed = subprocess.run([*git, "archive", "HEAD"], check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as source, tarfile.open(KEPT, "w:xz", preset=9) as archive:
        for member in source:
            if member.isfile() and member.name.startswith(PARTS):
                member.mtime = when
                archive.addfile(member, source.extractfile(member))
    print(f"{KEPT.relative_to(ROOT)}: {KEPT.stat().st_size // 1024} KiB of {datetime.fromtimestamp(when, timezone.utc):%Y-%m-%d}")


def main(arguments):
    if run("cargo", "deny", "--version", capture_output=True).returncode != 0:
        sys.exit("error: cargo-deny is not installed; `cargo install cargo-deny`, or as .ci/run does")
    if arguments[:1] == ["--keep"]:
        if len(arguments) == 1 and not fetch():
            sys.exit("error: the database of advisories cannot be reached; `--keep FOLDER` takes a clone of it")
        return keep(arguments[1] if len(arguments) > 1 else DATABASE)
    offline = []
    if fetch():
        day = git("log", "-1", "--format=%cs")
        print(f"advisories: the newest database, of {day}")
    else:
        print(f"advisories: the newest database cannot be reached; checked against the one of {unpack()}")
        offline = ["--offline"]
    # cargo-deny reads the crates of every target from Cargo's own folders; this is what fills them.
    run("cargo", "fetch", "--locked", "--quiet", check=True)
    sys.exit(run("cargo", "deny", "--log-level", "error", "--locked", *offline, "check", "--hide-inclusion-graph").returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
