# The documented story, on every instruction set, and the ways to ask for it.
story() { "$BISE" run --max-tokens 60 "$@" "Once upon a time" 2>&1; echo "= $?"; }
story
for cpu in c avx2 avx512 amx; do
    "$BISE" run --cpu $cpu "Once" >/dev/null 2>"$TMP/err"
    # A machine without the instruction set says so; one that has it tells the same story.
    grep -q 'this machine lacks' "$TMP/err" || story --cpu $cpu --threads 3 2>&1 | tail -2 >"$TMP/$cpu"
done
story | tail -2 >"$TMP/auto"
story --exact | tail -2 >"$TMP/exact"
for f in c avx2 avx512 amx exact; do
    [ ! -f "$TMP/$f" ] || cmp "$TMP/$f" "$TMP/auto"
done
printf 'Once upon a time' | try run --max-tokens 8
printf 'Once upon a time\n' | try run --max-tokens 8 models/stories260K.gguf
try run --max-tokens 8 models/stories260K.gguf "Once upon a time, there was"
try run --max-tokens 8 models/stories260K.gguf ""
try run --max-tokens 1 -- "--temperature"
try run --json --max-tokens 12 "Once upon a time"
try run --json --max-tokens 60 --stop "Lily" --stop "girl named" "Once upon a time"
try run --stop "park" "Once upon a time"
# The same seed draws the same words, another seed others.
draw() { "$BISE" run --max-tokens 40 --temperature 1.2 "$@" "Once upon a time" 2>/dev/null; }
draw --seed 7 >"$TMP/a"
draw --seed 7 --threads 1 | cmp - "$TMP/a" && echo same
draw --seed 8 | cmp -s - "$TMP/a" || echo different
draw >"$TMP/b"
draw | cmp -s - "$TMP/b" || echo different
# The end of the context.
try run --context 20 "Once upon a time"
try run --context 4 "Once upon a time, there was"
# More than the model was made for is the user's choice.
try run --context 512 "Once upon a time"
try run --context 100000000 "Once"
try run --exact --cpu c --context 600 --max-tokens 0 --ignore-eos --no-loop-guard "Once upon a time" | tail -5
try run --context 1 test/data/stories260K/stories260K-q4_0.gguf "Once"
try run --max-tokens 0 --ignore-eos --no-loop-guard "Once upon a time" | tail -3
yes Lily | head -300 | try run
# A word alone could be a mistyped model.
try run --max-tokens 2 Once
# A prompt format that the vocabulary has not: what it can be instead.
try run --format v3 Once
printf '{"messages": []}' | try render --format v15 test/data/tokenizers/tokenizer.model.v1
echo hi | try run --max-tokens 2 nofile
# A tokenizer that belongs to another model.
mkdir "$TMP/foreign"
cp test/data/oracle/mistral/params.json test/data/oracle/mistral/consolidated.safetensors "$TMP/foreign"
cp test/data/stories260K/tok512.model "$TMP/foreign/tokenizer.model"
(cd "$TMP" && try run foreign "Once")
# A prompt that is ill-formed is shown as the model gets it.
try run --max-tokens 2 "$(printf 'a \377 b\303')"
# Statistics.
"$BISE" run --max-tokens 8 --stats "Once" 2>&1 >/dev/null | sed -E 's/[0-9]+\.[0-9]+/N/g'
"$BISE" run --max-tokens 1 --stats "" 2>&1 >/dev/null | sed -E 's/[0-9]+\.[0-9]+/N/g' | grep 'token'
# Failures.
try run none.gguf "Once upon a time"
try run "" hi
try run test/data/oracle/mistral/params.json "Once upon a time"
try run test/data/oracle/mistral "Once upon a time"
"$BISE" run "Once upon a time" >/dev/full 2>"$TMP/err"
echo "= $?"
tail -1 "$TMP/err"
"$BISE" run "Once upon a time" 2>/dev/null | head -c 4
echo
