# The table's form, with numbers masked; and that the JSON holds the figures it should.
mask() { sed -E 's/^.*stories260K/stories260K/; s/[0-9]+\.[0-9]+/N/g; s/ +/ /g; s/reads .*B/reads N/; s/, which.*| of memory: .*//'; }
try bench --repeat 2 --prompt 16 --generate 4 --threads 1 --cpu c | mask
# Without time there is one run of each.
try bench --seconds 0 --prompt 300 --generate 4 --depth 3 --threads 1 --cpu c | mask
"$BISE" bench --repeat 1 --prompt 8 --generate 4 --depth 8 --json | tr ',{}' '\n\n\n' |
    sed -n 's/^"\([a-z_]*\)":.*/\1/p'
try bench --prompt 0
try bench --depth 100000000
try bench none.gguf
"$BISE" bench --prompt 8 --generate 4 >/dev/full
echo "= $?"

# Rows come as they are measured, and Ctrl-C ends with those.
stop() {
    : >"$TMP/out"
    env --default-signal=INT "$BISE" bench --seconds 100 --repeat 200 --cpu c --prompt 256 "$@" \
        >"$TMP/out" 2>"$TMP/err" &
    pid=$!
    for i in $(seq 200); do
        # --json prints nothing before the end.
        { grep -q memory "$TMP/out" || [ "$1" = --json ]; } && break
        sleep 0.05
    done
    sleep 0.5
    kill -INT $pid
    wait $pid
    echo "= $?"
}
stop --threads 2
awk '{ print $1 }' "$TMP/out" | sed 's/.*stories260K/stories260K/' | head -4
cat "$TMP/err"
stop --json
cut -c 1-9 "$TMP/out"
tail -c 2 "$TMP/out"
