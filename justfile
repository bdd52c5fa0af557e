# Every command of the project. `just` alone lists them.

# A further feature where an MPI library, its headers and its launcher are.
mpi_too := `command -v mpirun >/dev/null && command -v mpicc >/dev/null && echo ,mpi || true`

default:
    @just --list

# The main job on the embedded data.
demo:
    cargo run --release -- demo

# All tests, optimized.
test:
    cargo test --release --workspace

# Formatting and lints, with kernels for accelerators and, where they can be built, the bindings of MPI.
check:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets --features vulkan{{mpi_too}} -- -D warnings

# Every accelerator kernel, stream and rule on the devices of this machine; FEATURE is vulkan, wgpu or cuda.
test-devices FEATURE="vulkan":
    cargo test --release --workspace --features {{FEATURE}} --test devices -- --nocapture

# A training by the processes of an MPI job. Needs an MPI library with headers and `mpirun`, and libclang; says so where there are none.
mpi:
    #!/usr/bin/env bash
    set -euo pipefail
    if [ -z "{{mpi_too}}" ]; then
        echo "passed over: no mpirun and mpicc are here (Debian: libopenmpi-dev, openmpi-bin, libclang-dev)"
        exit 0
    fi
    cargo test --release --workspace --features mpi --test mpi

# Every access of the portable kernels checked by Miri, an interpreter of Rust: stages, sequences and shapes of any sizes are computed or
# refused (15 minutes on one core; needs `rustup component add miri rust-src --toolchain nightly`). The library of threads is sound under tree
# borrows alone, and leaves its threads running.
sanitize *ARGS:
    MIRIFLAGS="-Zmiri-tree-borrows -Zmiri-permissive-provenance -Zmiri-ignore-leaks -Zmiri-disable-isolation" RAYON_NUM_THREADS=1 \
        cargo +nightly miri test -p nmnc-kernels --test refusals {{ARGS}}

# Public documentation; a broken link is an error. With the features of `check`, which has looked at the dependencies already.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps --features vulkan{{mpi_too}}

# The Python package in an environment of its own: lints, stubs beside the module, tests, examples, and an installation as a user makes it.
python *ARGS:
    python3 scripts/check_python.py {{ARGS}}

# Builds and runs the library's examples. Built with the whole workspace, they share the tests' dependencies.
examples:
    cargo build --release --workspace --examples
    target/release/examples/train
    target/release/examples/custom_rule
    target/release/examples/custom_block
    target/release/examples/black_box --quick
    target/release/examples/report_preview target/report_preview.html full

# Time of a manifold refresh by method and number of units.
bench-manifold:
    cargo bench -p nmnc --bench manifold

# How well each method follows a manifold that drifts, and peak memory against depth.
manifold-and-memory:
    cargo run --release -p nmnc --example manifold_tracking
    cargo run --release -p nmnc --example memory_against_depth

# Advisories, licences, bans and sources of the dependencies, as deny.toml has them.
deny:
    python3 scripts/deny.py

# THIRD_PARTY_NOTICES.txt, the licences that have to go with the programs. After a change of Cargo.lock; `--check` compares.
notices *ARGS:
    python3 scripts/notices.py {{ARGS}}

# Makes the package of each crate that is published, under target/package.
package:
    cargo package --workspace --exclude nmnc-testing --exclude nmnc-fuzz --no-verify --locked

# Hostile inputs for everything that is read: `just fuzz` is a minute for each target, `just fuzz assembly 3600` an hour for one.
fuzz TARGET="" SECONDS="60" *ARGS="":
    python3 scripts/fuzz.py {{TARGET}} --seconds {{SECONDS}} {{ARGS}}

# Kills and failures at every system call that concerns files; `--points 400` draws so many of them.
kill-campaign *ARGS:
    cargo build --release --workspace --bin nmnc
    python3 scripts/fault_campaign.py {{ARGS}}

# The Slurm scripts of docs/cluster.md on a cluster of one node, started for it (two to five minutes; needs root and slurm-wlm, without which
# `--if-there` passes it over).
slurm *ARGS:
    cargo build --release --workspace --bin nmnc
    python3 scripts/check_slurm.py {{ARGS}}

# Training, going on, analyzing, reporting and reading damaged files in one process: does its memory stay flat?
soak SECONDS="3600" CSV="target/soak.csv":
    cargo build --release --workspace --example soak
    nice -n 19 target/release/examples/soak {{SECONDS}} {{CSV}}

# What continuous integration runs, with the campaigns in their short form, and the seconds that each step took.
ci:
    #!/usr/bin/env bash
    set -euo pipefail
    took=""
    trap 'printf "\n%s%6d s  just ci\n" "$took" "$SECONDS"' EXIT
    step() {
        local began=$SECONDS
        {{quote(just_executable())}} "$@"
        took+="$(printf '%6d s  just %s' $((SECONDS - began)) "$*")"$'\n'
    }
    step check
    step deny
    step notices --check
    step docs
    step results
    step test
    step examples
    step python
    step site target/python/bin/python
    step kill-campaign --points 400
    step fuzz "" 12
    step slurm --if-there
    step mpi

# Benches of every kernel and of whole training steps; `nmnc bench` is the short form.
bench *ARGS:
    cargo bench --workspace {{ARGS}}

# Side by side with PyTorch: TORCH is a Python with torch, more options in `python3 scripts/yardstick.py --help`.
bench-yardstick TORCH="python3" *ARGS="":
    cargo build --release -p nmnc-cli
    python3 scripts/yardstick.py --python {{TORCH}} {{ARGS}}

# The comparison on CIFAR-10 of results/2026-11-23-cifar10 (22 runs, about 20 minutes on 2 cores): DATA is a CIFAR-10 folder or archive.
cifar10 DATA="cifar10":
    cargo run --release -- compare configs/cifar10.toml --set data.source={{DATA}} --rules bp,dfa --seeds 3 --out runs/cifar10
    cargo run --release -- compare configs/cifar10.toml --set data.source={{DATA}} --rules nmnc,vnc --seeds 8 --out runs/cifar10
    cargo run --release -- report runs/cifar10 --out runs/cifar10/report.html

# One training by replicas in one process and in two (two quiet cores, three minutes; needs `mpirun`): results/2026-11-27-replicas.
bench-replicas DATA:
    cargo build --release --workspace --features mpi
    python3 scripts/replica_scaling.py {{DATA}}

# Makes the golden files again (needs a Python with torch, scikit-learn, scipy, safetensors).
goldens:
    for family in stages blocks architectures torch_files exchange network optimizers schedules pca alignment; do python scripts/golden/$family.py; done

# Keeps what a comparison left behind, without checkpoints, in few files: `just record runs/cifar10 results/2026-11-23-cifar10`.
# Several folders of runs become one experiment: `just record "runs/full runs/scaling" results/2026-11-25-sample-efficiency`.
record RUNS DEST:
    python3 scripts/record.py {{RUNS}} {{DEST}}

# Whether a comparison that was made again gave every number but times as it is recorded.
same RUNS DEST:
    python3 scripts/record.py --compare {{RUNS}} {{DEST}}

# Makes the run folders of a recorded comparison again, without checkpoints: for another report, or to add runs to them.
restore DEST RUNS:
    python3 scripts/record.py --restore {{DEST}} {{RUNS}}

# Compares the numbers of README.md, results and docs with the recorded CSVs, changed ones must be noticed; the first page's picture with its
# record; and links with what they lead to, in documents that can be found.
results:
    python3 scripts/check_results.py --self-test
    python3 scripts/picture.py --check
    python3 scripts/check_documents.py

# The documentation site, in site/: PYTHON is one with mkdocs-material and mkdocstrings-python, such as that of `just python --fetch`.
site PYTHON="python3":
    test -x target/release/nmnc || cargo build --release --workspace --bin nmnc
    {{PYTHON}} scripts/site_pages.py
    NO_MKDOCS_2_WARNING=1 {{PYTHON}} -m mkdocs build --strict --quiet
