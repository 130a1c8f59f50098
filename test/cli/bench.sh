# The table's form, with numbers masked; and that JSON and CSV hold the figures they should.
mask() {
    sed -E 's/^.*stories260K/stories260K/; s/ of (memory|AMX.*|AVX.*|plain C.*)$/ of LIMIT/
        s/^limit: (AMX|AVX|plain).*  /limit: COMPUTE  /; s/<?[0-9]+\.[0-9]+/N/g; s/ +/ /g'
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
try bench --batch 1,,2
try bench --repeat 0
try bench none.gguf
# Contexts beyond the model's are measured, and said to be that.
try bench $small --seconds 0 --depth 600 | grep '^2>'
try bench $small --seconds 0 --depth 508 | grep '^2>'

# Every row there is; and a start from disk, which a file in memory does not have.
cp models/stories260K.gguf "$TMP/model.gguf"
try bench "$TMP/model.gguf" --seconds 0 --full --prompt 8 --depth 1 --batch 2 --generate 2 \
    --threads 1 --cpu c | grep -v '^2> ' | mask | cut -d ' ' -f 1-3 | sed 's|.*/model|model|'

# Every line of CSV has as many fields.
"$BISE" bench "$TMP/model.gguf" --seconds 0 --cold --prompt 8 --generate 2 --threads 1 --cpu c --csv \
    2>/dev/null | awk -F , '{ print NF, $1 }'

# The same run by operation: what there is with its columns, the longest first, what has no name
# last; and that the parts are the whole, to the tenth.
"$BISE" bench $small --repeat 1 --profile --batch 2 | awk '
    /of memory/ { table = 1; print; fflush(); sum = 0; last = 1e9; next }
    !table || !NF { next }
    $1 == "all" { close("sort"); printf "%s behind %s: %.1f%% of %s\n", $1, name, sum, $3; next }
    { sum += $3; if ($2 > last && $1 != "other") print $1 ": out of order"
      last = $2; name = $1; print $1, NF | "sort" }' | sed -E 's/ +/ /g'
"$BISE" bench $small --repeat 1 --profile --json | keys

# Beside a run that was stored: rows of both, of the one and of the other.
beside() { sed -E "s|$TMP/||; /^(note|which)/b; s/[0-9][0-9.e+-]*x [a-z]+|same/CHANGE/
        s/(better|worse|within noise)\$/MEANING/; s/[0-9][0-9.e+-]+/N/g; s/ +/ /g"; }
"$BISE" bench $small --repeat 3 --json >"$TMP/before.json"
"$BISE" bench $small --repeat 3 --prompt 8 --batch 1 --compare "$TMP/before.json" 2>&1 |
    sed -n '/^note/p; /^beside/,$p' | beside
# What differs is said before the time is spent, and again where the rows are compared.
"$BISE" bench test/data/stories260K/stories260K-q4_0.gguf --exact --threads 2 --cpu c --prompt 16 \
    --generate 2 --seconds 0 --compare "$TMP/before.json" 2>&1 >"$TMP/out" | sed "s|$TMP/||"
sed -n '/^beside/,/^first/p' "$TMP/out" | beside
echo '{"rows":[{"name":"load"}]}' >"$TMP/wrong.json"
try bench $small --compare "$TMP/wrong.json" | sed "s|$TMP/||"
echo 'name,unit' >"$TMP/wrong.csv"
try bench $small --compare "$TMP/wrong.csv" | sed "s|$TMP/||"
"$BISE" bench --limits --cpu c --threads 1 --json >"$TMP/limits.json"
try bench $small --compare "$TMP/limits.json" | sed "s|$TMP/||"
try bench $small --compare models
try bench $small --compare ''
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
