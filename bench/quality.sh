#!/bin/sh
# quality.sh - the error of every type: of the weights, and of the logits for a text.
#
#     bench/quality.sh [MODEL.gguf TEXT]      the bundled model, README.md
#
# MODEL is an F32 file.  Tokens are the first 200 of TEXT.  doc/QUANTISE.md has such a table.
set -eu
model=${1:-models/stories260K.gguf} text=${2:-README.md}
make -s build/release/bise build/release/bench_quality
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
bise=build/release/bise
$bise tokenize "$model" <"$text" | tr -d '[] ' | cut -d , -f 1-200 >"$work/ids"
vocab=$($bise show "$model" | sed -n 's/^vocabulary *//p')
$bise logits "$model" --tokens - --exact --out "$work/want" <"$work/ids"
for type in Q8_0 Q6_K Q5_K_M Q5_K_S Q4_K_M Q4_K_S Q4_0 IQ4_NL IQ4_XS MXFP4; do
    $bise quantize "$model" "$work/$type.gguf" --type $type >"$work/log" 2>&1
    $bise logits "$work/$type.gguf" --tokens - --exact --out "$work/got" <"$work/ids"
    printf '%-7s ' $type
    build/release/bench_quality "$model" "$work/$type.gguf" "$work/want" "$work/got" "$vocab"
    rm "$work/$type.gguf" "$work/got"
done
