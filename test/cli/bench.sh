# The table's form, with numbers masked; and that JSON and CSV hold the figures they should.
mask() {
    sed -E 's/^.*stories260K/stories260K/; s/ of (memory|AMX.*|AVX.*|plain C.*)$/ of LIMIT/
        s/^limit: (AMX|AVX|plain).*  /limit: COMPUTE  /; s/[0-9]+\.[0-9]+/N/g; s/ +/ /g'
}
keys() { tr ',{}[]' '\n\n\n\n\n' | sed -n 's/^"\([a-z_]*\)":.*/\1/p' | uniq | tr '\n' ' '; echo; }
small="--prompt 16 --generate 4 --threads 1 --cpu c"
try bench $small --repeat 2 | mask
# Without time there is one run of each.
try bench $small --seconds 0 --prompt 300,2 --depth 3,20 --batch 1,17 | mask
"$BISE" bench $small --repeat 1 --depth 8 --json | keys
"$BISE" bench $small --repeat 1 --csv | sed -E 's/[0-9.]+(e[-+][0-9]+)?/N/g'
try bench --prompt 0
try bench --prompt 1,
try bench --prompt 1,x
try bench --prompt ''
try bench --prompt 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1
try bench --depth 100000000
try bench --batch 513
try bench --csv --json
try bench --csv --profile
try bench --json --compare x.json
try bench none.gguf

# Every row there is; and a start from disk, which a file in memory does not have.
cp models/stories260K.gguf "$TMP/model.gguf"
try bench "$TMP/model.gguf" --seconds 0 --full --prompt 8 --depth 1 --batch 2 --generate 2 \
    --threads 1 --cpu c | grep -v '^2> ' | mask | cut -d ' ' -f 1-3 | sed 's|.*/model|model|'

# The same run by operation: what there is, and that the parts are the whole.
"$BISE" bench $small --repeat 1 --profile --batch 2 |
    awk '/of memory,/ { table = 1 } table { print $1 }'
"$BISE" bench $small --repeat 1 --profile --json | keys

# Beside a run that was stored.
"$BISE" bench $small --repeat 3 --json >"$TMP/before.json"
"$BISE" bench $small --repeat 3 --batch 1 --compare "$TMP/before.json" | sed -n '/^beside/,$p' |
    sed -E "s|$TMP/||; s/better|worse//; s/[0-9][0-9.e+-]+/N/g; s/ +/ /g; s/ \$//"
echo '{"rows":[{"name":"load"}]}' >"$TMP/wrong.json"
try bench $small --compare "$TMP/wrong.json" | sed "s|$TMP|TMP|"
try bench $small --compare none.json

# The machine alone.
"$BISE" bench --limits --cpu c --threads 2 | mask
"$BISE" bench --limits --cpu c --threads 1 --json | keys
"$BISE" bench --limits --cpu c --threads 1 --csv | sed -E 's/,[0-9.]+(e[-+][0-9]+)?$/,N/'
try bench --limits --cpu sse
try bench --limits --prompt 3
try bench --limits --exact
try bench --limits model.gguf
try bench --limits --tokenizer

# The tokenizer alone: from a folder, from one file, on texts of its own and on others.
try bench --tokenizer --seconds 0 | mask
mkdir "$TMP/folder" && cp test/data/stories260K/tok512.model "$TMP/folder/tokenizer.model"
printf '{"a": 1}' >"$TMP/text.json"
"$BISE" bench --tokenizer --repeat 1 "$TMP/folder" --text README.md --text "$TMP/text.json" |
    mask | sed 's|^.*/folder|folder|'
"$BISE" bench --tokenizer --repeat 1 --text "$TMP/text.json" --json | tr ',{}[]' '\n\n\n\n\n' |
    sed -n 's/^"\([a-z_]*\)":.*/\1/p'
mkdir "$TMP/tekken" && cp fuzz/corpus/tekken/v3 "$TMP/tekken/tekken.json"
for tekken in "$TMP/tekken" "$TMP/tekken/tekken.json"; do
    "$BISE" bench --tokenizer --repeat 1 "$tekken" --text README.md | sed -E 's/ -([0-9])/ \1/' | mask |
        sed 's|^.*/tekken|tekken|'
done
try bench --tokenizer --text none.txt --repeat 1 | mask
try bench --tokenizer --text /dev/null --repeat 1 | mask
try bench --tokenizer --prompt 8
try bench --tokenizer --csv
try bench --text README.md
try bench --tokenizer test/data/oracle/mistral
"$BISE" bench --prompt 8 --generate 4 >/dev/full
echo "= $?"
"$BISE" bench --limits --cpu c >/dev/full
echo "= $?"

# Rows come as they are measured, and Ctrl-C ends with those.
stop() {
    : >"$TMP/out"
    env --default-signal=INT "$BISE" bench --seconds 100 --repeat 200 --cpu c --prompt 256 "$@" \
        >"$TMP/out" 2>"$TMP/err" &
    pid=$!
    for i in $(seq 400); do
        # --json prints nothing before the end.
        { grep -q '^load' "$TMP/out" || { [ "$1" = --json ] && [ "$i" = 100 ]; }; } && break
        sleep 0.05
    done
    sleep 0.5
    kill -INT $pid
    wait $pid
    echo "= $?"
}
stop --threads 2
awk '{ print $1 }' "$TMP/out" | sed 's/.*stories260K/stories260K/' | head -5
cat "$TMP/err"
stop --json
cut -c 1-9 "$TMP/out"
tail -c 2 "$TMP/out"
