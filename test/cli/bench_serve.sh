# The load generator, on a server that misbehaves as its address says (stream_server.c).
unset BISE_API_KEY SSL_CERT_FILE http_proxy https_proxy all_proxy
"$(dirname "$BISE")/stream_server" "$TMP/log" >"$TMP/port" &
server=$!
trap 'kill $server' EXIT
while [ ! -s "$TMP/port" ]; do sleep 0.1; done
at=http://127.0.0.1:$(cat "$TMP/port")
# What is measured is not the same twice.
mask() {
    sed -E "s|127.0.0.1:[0-9]+|SERVER|g; s|$TMP|TMP|g; s/ in [0-9.]+ s$/ in T s/
        s/^    [0-9.]+ tokens.s written.*/    RATES/
        s/^    (first text|between texts|per token|whole answer) .* (ms|s)$/    \1: TIMES/"
}
load() {
    fault=$1
    shift
    echo "$fault $*" | mask
    try bench serve --url "$at/$fault" "$@" | mask
}
# Without the head and the times.
counts() { load "$@" | grep -vE '^SERVER|^http|^chat,|TIMES|p50|^$|RATES|per request|first$'; }

echo "== rows"
load plain --concurrency 1,3 --prompt-tokens 40 --generate 5
load plain/v1/ --endpoint completions --model mine --no-stream --requests 2 --generate 5
load plain --rate 500 --requests 20 --generate 2 --check --warmup 0
load several --generate 7 --requests 1 --check --model mine
load uncounted --generate 7 --requests 1 --model mine

echo "== what is sent"
: >"$TMP/log"
load plain --model mine --requests 1 --warmup 0 --prompt-tokens 12 --shared-prefix 6 --generate 3 \
    --temperature 0.5 --check >/dev/null
cut -d' ' -f1 "$TMP/log"
sed 's/"content":"[^"]*"/"content":"WORDS"/; s/"seed":[0-9]*/"seed":N/' "$TMP/log" | tail -1
: >"$TMP/log"
counts strict --model mine --requests 1 --warmup 0 --generate 3
grep -c ignore_eos "$TMP/log"
tail -1 "$TMP/log" | grep -cE 'ignore_eos|seed'
echo '{"messages":[{"role":"user","content":"a b"}],"max_tokens":4,"top_k":1}' >"$TMP/lines"
echo '{"custom_id":"1","body":{"messages":[],"model":"its own"}}' >>"$TMP/lines"
: >"$TMP/log"
load plain --file "$TMP/lines" --requests 2 --warmup 0
tail -2 "$TMP/log" | sort
counts locked
echo sesame >"$TMP/key"
counts locked --key-file "$TMP/key" --requests 1
BISE_API_KEY=sesame counts locked --requests 1 --model mine

echo "== streams in every form"
for form in crlf cr bytes close comments counts slow; do
    counts $form --model mine --concurrency 2 --generate 6 --check-text
done

echo "== streams with defects"
for fault in early foreign lost reordered undone twice behind after uncounted miscounts; do
    counts $fault --model mine --requests 3 --generate 6 --check-text
done
counts third --model mine --requests 9 --generate 6 --warmup 0
for fault in cut short failing unreadable huge busy never page nowhere modelless; do
    counts $fault --requests 3 2>&1 | grep -v "has 2 models"
done
counts silent --model mine --timeout 2 --requests 2 --warmup 0

echo "== JSON and CSV"
load plain --model mine --requests 3 --generate 4 --check --json |
    sed -E 's/("(seconds|requests_per_s|output_tokens_per_s|total_tokens_per_s|own_cpu|mean|p50|p90|p99|max)":)[0-9.e+-]+/\1X/g'
load third --model mine --requests 3 --generate 4 --csv --warmup 0 | cut -d, -f1,2,4-6,10-13,15-17

echo "== Ctrl-C ends with what is there"
: >"$TMP/log"
env --default-signal=INT "$BISE" bench serve --url "$at/slow" --model mine --generate 10 \
    --requests 1000 --concurrency 2 >"$TMP/out" 2>&1 &
pid=$!
while [ "$(wc -l <"$TMP/log")" -lt 12 ]; do sleep 0.1; done # some of what is measured
kill -INT $pid
wait $pid
echo "= $?"
grep -c "2 at a time: [0-9]* done, 0 failed, [12] interrupted" "$TMP/out"

echo "== wrong usage"
try bench serve --rate 0
try bench serve --rate 1 --concurrency 1,2
try bench serve --concurrency 0
try bench serve --concurrency 100000
try bench serve --requests 1 --duration 1
try bench serve --shared-prefix 200
try bench serve --file x --prompt-tokens 5
try bench serve --check-text --no-stream
try bench serve --endpoint fim
try bench serve --json --csv
try bench serve model
try bench serve --url ftp://x
try bench serve --url "http://a b"
try bench serve --url http://127.0.0.1:1 --model x
try bench serve --url http://127.0.0.1:1
try bench serve --file "$TMP/none" | mask
try bench serve --key-file "$TMP/none" | mask
printf 'a b\n' >"$TMP/key"
try bench serve --key-file "$TMP/key" | mask
echo '{"prompt":"a"}' >"$TMP/lines"
try bench serve --file "$TMP/lines" | mask
"$BISE" help bench serve | head -1
