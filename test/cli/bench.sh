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
try bench --text README.md
try bench --tokenizer test/data/oracle/mistral
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
