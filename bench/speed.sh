#!/bin/sh
# speed.sh - every line of doc/SPEED.md's tables, on models of random weights at true shapes.
#
#     bench/speed.sh [FOLDER] >table       FOLDER for models, one at a time: $TMPDIR or /tmp
#
#     LINES="formats depth prefill batch mixture avx2 busy"    which to measure (all)
#     LAYERS=8     layers of dense models (all: up to 15 GB a file, hours in all)
#     SECONDS_ROW=30     as --seconds: no further run of a row after so many
#
# Each row is measured beside the machine's limits in the same run, which the last two columns are
# about: the share, and of what.
set -eu
folder=${1:-${TMPDIR:-/tmp}} lines=${LINES:-formats depth prefill batch mixture avx2 busy}
layers=${LAYERS:-} seconds=${SECONDS_ROW:-30}
make -s build/release/bise build/release/bench_random_gguf
model=$(mktemp "$folder/speed_XXXXXX.gguf")
busy=
trap 'rm -f "$model"; [ -z "$busy" ] || kill "$busy"' EXIT
trap 'exit 130' INT TERM

# make_model SHAPE TYPE [LAYERS]
make_model() {
    shape=$1 type=$2
    build/release/bench_random_gguf --shape "$shape" --type "$type" ${3:+--layers "$3"} "$model"
    sync "$model"
}

# rows NOTE OPTIONS...: one line for each row, "SHAPE TYPE NOTE | ROW | MEDIAN UNIT | SPREAD | ..."
rows() {
    note=$1
    shift
    build/release/bise bench "$model" --csv --seconds "$seconds" "$@" |
        awk -F , -v OFS=' | ' -v what="$shape $type $note" '
            NR == 1 || $1 ~ /^resident: / { next }
            $2 == "s" { scale = 1e3; unit = "ms" }
            $2 == "B" { scale = 1e-6; unit = "MB" }
            $2 == "tokens/s" { scale = 1; unit = $2 }
            $1 == "batch 1" { one = $3 }
            { times = one && $1 ~ /^batch/ ? sprintf("%.2f of batch 1", $3 / one) : ""
              print what, $1, sprintf("%.1f %s", $3 * scale, unit),
                  sprintf("%.0f %%", $3 > 0 ? 100 * ($5 - $4) / $3 : 0),
                  $7 == "" ? "" : sprintf("%.2f of %s", $7, $8), times }'
}

wanted() {
    case " $lines " in *" $1 "*) return 0 ;; esac
    return 1
}

build/release/bise bench --limits
echo
echo "model | row | median | spread | of its limit | times"
echo "---|---|---|---|---|---"
for type in q4_0 q4_k q5_k q6_k q8_0 iq4_nl iq4_xs mxfp4 nvfp4 bf16; do
    wanted formats || break
    make_model 7b $type "$layers"
    rows "" --prompt 512
done
if wanted depth; then
    make_model 7b q4_k "$layers"
    rows "" --prompt 16 --depth 0,4096,32768 --repeat 3
    rows "kv-q8" --prompt 16 --depth 4096,32768 --repeat 3 --kv-q8
fi
for shape_type in 7b:q4_0 7b:q4_k 7b:q8_0 7b:bf16 3b:q4_0 3b:q4_k 3b:q8_0 3b:bf16; do
    wanted prefill || break
    make_model "${shape_type%:*}" "${shape_type#*:}" "$layers"
    rows "" --prompt 512,2048,8192 --generate 16 --repeat 3
done
if wanted batch; then
    make_model 7b q4_k "$layers"
    rows "" --prompt 16 --generate 32 --batch 1,2,4,8,16,32,64 --repeat 3
fi
for shape in 8x7b small4; do
    wanted mixture || break
    make_model $shape q4_k 8
    rows "8 layers" --prompt 512 --repeat 3
done
if wanted avx2; then
    make_model 7b q4_0 "$layers"
    rows avx2 --prompt 512 --batch 1,4,16 --generate 32 --cpu avx2 --repeat 3
fi
if wanted busy; then
    make_model 7b q4_k "$layers"
    rows "undisturbed" --prompt 64 --repeat 3
    sh -c 'while :; do :; done' &
    busy=$!
    rows "one core taken" --prompt 64 --repeat 3
fi
