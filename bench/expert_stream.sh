#!/bin/sh
# expert_stream.sh - how near to the disk's limit a mixture larger than its memory decodes.
#
#     bench/expert_stream.sh [SHAPE [LAYERS [FOLDER]]]       8x7b, 12 layers, $TMPDIR or /tmp
#
# Writes a 4-bit model of random weights at that shape, lets its experts have a quarter of the
# memory that they would fill, and prints what 'bise bench' says: the disk's speed, measured with
# the same reads, and decoding's share of the limit that it sets.  The file is removed.
set -eu
shape=${1:-8x7b} layers=${2:-12} folder=${3:-${TMPDIR:-/tmp}}
make -s build/release/bise build/release/bench_random_gguf
model=$(mktemp "$folder/expert_stream_XXXXXX.gguf")
trap 'rm -f "$model"' EXIT
trap 'exit 130' INT TERM
build/release/bench_random_gguf --shape "$shape" --layers "$layers" --type q4_k "$model"
sync "$model"
# Experts of 4.5 bits per weight: three matrices of dim x expert_dim each.
case $shape in
8x7b) weights=$((8 * 3 * 4096 * 14336)) dense=0 ;;
small4) weights=$((128 * 3 * 4096 * 2048)) dense=0 ;;
large3) weights=$((128 * 3 * 7168 * 4096)) dense=3 ;;
*) echo "$shape: not a mixture; choose 8x7b, small4 or large3" >&2; exit 2 ;;
esac
quarter=$((weights * (layers - dense) / 16 * 9 / 4))
echo "$shape, $layers layers, $(du -h "$model" | cut -f 1), experts in $((quarter / 1000000)) MB"
build/release/bise bench "$model" --expert-memory "$quarter" --prompt 16 --generate 32 \
    --repeat 3 --seconds 120
