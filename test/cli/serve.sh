# SPDX-License-Identifier: Apache-2.0
# "bise serve": how it starts, what it answers to begin with, how it ends; the rest is in test/api.
echo '== wrong usage'
try serve --port 70000
try serve --tls-cert cert.pem
try serve --no-auth --store "$TMP/s.db" there/is/none 2>&1
echo '== a key of its own'
XDG_DATA_HOME=$TMP/data "$BISE" serve --port 0 2>"$TMP/log" &
pid=$!
for i in $(seq 200); do
    grep -q '^listening' "$TMP/log" && break
    sleep 0.1
done
sed -E 's/bise_[0-9A-Za-z]+/KEY/; s/127.0.0.1:[0-9]+/HOST/; s|'"$TMP"'|TMP|' "$TMP/log"
url=$(sed -n 's/^listening at \([^ ,]*\).*/\1/p' "$TMP/log")
key=$(cat "$TMP/data/bise/first-key")
curl -s "$url/health" && echo
curl -s -o "$TMP/out" -w '%{http_code}\n' "$url/v1/models"
curl -s -H "Authorization: Bearer $key" "$url/v1/models" | grep -o '"id":"[^"]*"'
curl -s -H "x-api-key: $key" "$url/v1/completions" \
    -d '{"model":"stories260K","prompt":"Once upon a time","max_tokens":12,"temperature":0}' |
    grep -o '"text":"[^"]*"'
echo '== a signal ends it'
kill -TERM $pid
wait $pid
echo "= $?"
tail -1 "$TMP/log"
