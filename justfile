# Every command of the project. `just` alone lists them.

default:
    @just --list

# The main job on the embedded data.
demo:
    cargo run --release -- demo

# All tests, optimized.
test:
    cargo test --release --workspace

# Formatting and lints.
check:
    cargo fmt --all --check
    cargo clippy --release --workspace --all-targets -- -D warnings

# Public documentation; a broken link is an error.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --workspace --no-deps

# Builds and runs the library's examples.
examples:
    cargo run --release -p nmnc --example train
    cargo run --release -p nmnc --example custom_rule
    cargo run --release -p nmnc --example report_preview -- target/report_preview.html full

# What continuous integration runs.
ci: check docs test examples

# Milliseconds of the stage kernels on this machine.
time-stages:
    cargo run --release -p nmnc-kernels --example time_stages

# The acceptance comparison on CIFAR-10 (about 15 minutes on 2 cores): DATA is a CIFAR-10 folder or archive.
acceptance DATA="cifar10":
    cargo run --release -- compare configs/cifar10.toml --set data.source={{DATA}} --rules bp,nmnc,vnc --seeds 3 --out runs/cifar10

# Makes the golden files again (needs a Python with torch, scikit-learn, scipy, safetensors).
goldens:
    for family in stages network optimizers schedules pca alignment; do python scripts/golden/$family.py; done
