#!/bin/sh
# What costs a mirror in coordinates its accuracy, and what the estimators, passes and manifolds are worth: three seeds of each
# condition on 20,000 images, four epochs. Run it from the root of the repository; DATA is a CIFAR-10 folder or archive.
#
#   sh results/2026-11-25-sample-efficiency/diagnosis.sh DATA
#   nmnc report runs/diagnosis
set -eu
data=$1

run() {
    name=$1
    shift
    for seed in 0 1 2; do
        [ -e "runs/diagnosis/$name-seed$seed/summary.json" ] || nmnc train configs/sample-efficiency.toml \
            --set data.source="$data" --set data.train_limit=20000 --set train.epochs=4 \
            --set metrics.alignment_interval=157 --set seed=$seed "$@" --out "runs/diagnosis/$name-seed$seed"
    done
}

run bp --set credit.rule=bp

# The mirror in the shape of the weights.
run weights
run weights-auto --set credit.budget=auto
run weights-probes-12 --set credit.observe=false --set credit.probes=12
run weights-probes-12-isotropic --set credit.observe=false --set credit.probes=12 --set credit.noise=isotropic
run weights-auto-probes --set credit.observe=false --set credit.budget=auto

# The mirror in coordinates: known exactly at every step (projection alone), exactly but every ten steps (and staleness), and
# followed by twelve probes a step, in random directions or in those that are least known.
coordinates="--set credit.feedback=coordinates --set credit.noise=manifold"
exact="--set credit.estimator=least-squares"
recursive="--set credit.estimator=recursive-least-squares"
for d in 64 256; do
    at="$coordinates --set credit.initial=$d"
    batch="--set credit.manifold.dimension=$d"
    run d$d-every-step $at $batch $exact --set credit.probes=$d
    run d$d-every-10 $at $batch $exact --set credit.probes=$d --set credit.interval=10
    run d$d-random-12 $at $batch $exact --set credit.probes=12
    run d$d-informed-12 $at $batch $recursive --set credit.probes=12
    # The manifold from training batches alone, with no images of its own.
    run d$d-informed-12-online $at $recursive --set credit.probes=12 \
        --set "credit.manifold={dimension=$d,method=\"incremental\",refresh=10}"
done

# Correlation with the output.
run nmnc-randomized --set credit.rule=nmnc
run nmnc-incremental --set credit.rule=nmnc --set 'credit.nmnc.manifold={dimension=64,method="incremental",refresh=10}'
run nmnc-ls --set credit.rule=nmnc --set credit.nmnc.estimator=least-squares
run nmnc-rls --set credit.rule=nmnc --set credit.nmnc.estimator=recursive-least-squares
run nmnc-joint --set credit.rule=nmnc --set credit.nmnc.injection=joint --set credit.nmnc.interval=10
