# A model and its adapters: applied, shown and merged.  The reference logits of the merged model
# are those of the unit tests; here the same numbers must come by every way.
dir=test/data/oracle/mistral-lora
hide() { sed "s|$TMP|TMP|g; s|[.][0-9]*[.]part|.N.part|g"; }
ids=1,5,9,200,17,3

try show $dir/peft
try show $dir/lora.safetensors --json
try show test/data | sed 's/^/no adapter: /'

# The base alone, the adapter by two dialects, and its halves.
mkdir "$TMP/base" "$TMP/hf"
cp $dir/params.json $dir/consolidated.safetensors "$TMP/base"
cp $dir/config.json $dir/model.safetensors "$TMP/hf"
floats() { od -An -v -t f4 -w4 "$1"; }
near() { paste "$1" "$2" | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > m) m = d } END { print (m < 4e-4 ? "same" : "differ by " m) }'; }
logits() { out=$1; shift; "$BISE" logits "$@" --tokens $ids --exact --out - | floats /dev/stdin >"$TMP/$out"; }
logits want "$TMP/base" --adapter $dir/peft
logits a "$TMP/hf" --adapter $dir/lora.safetensors:1
near "$TMP/want" "$TMP/a"
logits a "$TMP/hf" --adapter=$dir/peft:0.25 --adapter $dir/lora.safetensors:+7.5e-1
near "$TMP/want" "$TMP/a"
logits a "$TMP/base" --adapter $dir/peft:0
logits b "$TMP/base"
cmp "$TMP/a" "$TMP/b" && echo "zero: same bits"
near "$TMP/want" "$TMP/b"

# Merged, the layout stays; config.json says what the numbers are.
for base in base hf; do
    try merge "$TMP/$base" --adapter $dir/peft --dtype f32 "$TMP/merged-$base" | hide
    ls "$TMP/merged-$base"
    logits a "$TMP/merged-$base"
    near "$TMP/want" "$TMP/a"
done
grep dtype "$TMP/merged-hf/config.json"
try merge "$TMP/hf" --adapter $dir/peft "$TMP/merged-bf16" | hide
cmp "$TMP/hf/config.json" "$TMP/merged-bf16/config.json" && echo "configuration: same"
try show "$TMP/merged-bf16" | grep '^formats'
cmp "$dir/model.safetensors" "$TMP/hf/model.safetensors" && echo "base: same"

# A quantised base takes the adapter as its own numbers in float32 do; GGUF changes nothing.
"$BISE" quantize "$TMP/base" "$TMP/f32.gguf" --type F32 >"$TMP/.1" 2>&1
"$BISE" quantize "$TMP/base" "$TMP/q4.gguf" --type Q4_0 >"$TMP/.1" 2>&1
"$BISE" quantize "$TMP/q4.gguf" "$TMP/q4-f32.gguf" --type F32 >"$TMP/.1" 2>&1
for model in f32 q4 q4-f32; do logits $model "$TMP/$model.gguf" --adapter $dir/peft; done
near "$TMP/want" "$TMP/f32"
near "$TMP/q4" "$TMP/q4-f32"
try merge "$TMP/q4.gguf" --adapter $dir/peft "$TMP/new" | hide
rm "$TMP"/f32* "$TMP"/q4*

# A colon in a path that is there is part of it.
cp -r $dir/peft "$TMP/peft:2"
logits a "$TMP/base" --adapter "$TMP/peft:2"
near "$TMP/want" "$TMP/a"

# A quantised base becomes a plain one, by its configuration, too.
for base in ministral3-fp8 ministral3-nvfp4; do
    mkdir "$TMP/$base"
    cp test/data/oracle/$base/config.json test/data/oracle/$base/model.safetensors "$TMP/$base"
    grep -c quantization_config "$TMP/$base/config.json"
    try merge "$TMP/$base" --adapter $dir/lora.safetensors "$TMP/merged" | hide
    try show "$TMP/merged" | grep -A 4 '^formats'
    diff "$TMP/$base/config.json" "$TMP/merged/config.json" | wc -l
    grep quant "$TMP/merged/config.json"
    rm -r "$TMP/$base" "$TMP/merged"
done

# What is wrong is said, and nothing is left behind.
try logits "$TMP/base" --tokens 1 --out - --adapter $dir/peft:x
try logits "$TMP/base" --tokens 1 --out - --adapter $dir/peft:
try logits "$TMP/base" --tokens 1 --out - --adapter $dir/peft:1001
try logits "$TMP/base" --tokens 1 --out - --adapter $dir/peft:nan
try logits "$TMP/base" --tokens 1 --out - --adapter :1
try logits "$TMP/base" --tokens 1 --out - --adapter none/such:1
try logits test/data/oracle/mistral-sharded --tokens 1 --out - --adapter $dir/peft
try run models/stories260K.gguf --adapter $dir/lora.safetensors "Once"
try merge "$TMP/base"
try merge "$TMP/base" "$TMP/new"
try merge "$TMP/base" "$TMP/new" --adapter $dir/peft --dtype q8
try merge "$TMP/base" --adapter $dir/peft "$TMP/hf" | hide
try merge "$TMP/base" --adapter $dir/peft "$TMP/base/new" | hide
try merge "$TMP/base" --adapter $dir/peft "$TMP/none/new" | hide
try merge $dir/peft --adapter $dir/peft "$TMP/new" | hide
(ulimit -f 100; try merge "$TMP/base" --adapter $dir/peft "$TMP/new" | hide)
# Ended by Ctrl-C, timeout or a terminal that closes while it copies a large file: nothing is left.
truncate -s 200M "$TMP/base/large"
for signal in INT TERM HUP; do
    n=0
    code=0
    until [ $code -gt 128 ] || [ $n -eq 50 ]; do
        rm -rf "$TMP/late"
        (cd "$TMP" && exec env --default-signal=$signal "$BISE" merge base \
            --adapter "$OLDPWD/$dir/peft" late >.1 2>.2) &
        until ls -d "$TMP"/late.*.part >"$TMP/.3" 2>&1 || ! kill -0 $!; do :; done 2>"$TMP/.3"
        kill -$signal $! 2>"$TMP/.3"
        wait $! 2>"$TMP/.3"
        code=$?
        n=$((n + 1))
    done
    cat "$TMP/.1" "$TMP/.2"
    echo "= $code"
done
rm "$TMP/base/large"
ls "$TMP"
