# The file holds float32 [tokens][vocabulary]; what stands in it is compared with the reference
# logits of the tiny checkpoints, kept in expected.json beside each.
# The first of the sequences that expected.json lists.
tokens() { sed -n '/"tokens"/,/],/p' "$1" | tr -dc '0-9,' | sed 's/^,*//; s/,*$//'; }
floats() { od -An -v -t f4 -w4 "$1"; }

for layout in mistral ministral3 mistral-sharded; do
    dir=test/data/oracle/$layout
    tokens=$(tokens $dir/expected.json)
    n_tok=$(echo "$tokens" | tr ',' '\n' | wc -l)
    try logits $dir --tokens "$tokens" --exact --out "$TMP/l.f32"
    n=$(floats "$TMP/l.f32" | wc -l)
    echo "$layout: $n floats, best of the last row: $(floats "$TMP/l.f32" | tail -n $((n / n_tok)) |
        awk 'NR == 1 || $1 > best { best = $1; at = NR - 1 } END { print at }')"
    sed -n '/"argmax"/{s/[^0-9]*\([0-9]*\).*/reference: \1/p;q}' $dir/expected.json
    # The first eight logits of the last row, to float rounding.
    sed -n '/"logits8"/,/]/p' $dir/expected.json | sed '1d; /]/,$d; s/[ ,]//g' >"$TMP/want"
    floats "$TMP/l.f32" | tail -n $((n / n_tok)) | head -8 | paste - "$TMP/want" |
        awk '{ d = $1 - $2; if (d < 0) d = -d; if (!(d < 1e-4)) print "differ: " $0 }'
done

# How the prompt is cut, and by how many threads, changes no bit.
for options in "" "--exact"; do
    "$BISE" logits --tokens 1,403,407,261,378 $options --out "$TMP/a" &&
        "$BISE" logits --tokens 1,403,407,261,378 $options --chunk 1 --threads 1 --out "$TMP/b" &&
        "$BISE" logits --tokens 1,403,407,261,378 $options --chunk 3 --threads 3 --out "$TMP/c" &&
        cmp "$TMP/a" "$TMP/b" && cmp "$TMP/a" "$TMP/c" && echo same
done

# Ids from standard input, as "bise tokenize" writes them; output to a pipe.
echo '[1, 403, 407, 261, 378]' | "$BISE" logits --tokens - --exact --out - | cmp - "$TMP/a" && echo same
ls "$TMP"

# A failure leaves the old file alone and nothing beside it.
echo old >"$TMP/a"
try logits --tokens 1,512 --out "$TMP/a"
try logits --tokens 1,x --out "$TMP/a"
try logits --tokens '' --out "$TMP/a"
try logits --tokens -5 --out "$TMP/a"
try logits --tokens 1,+5 --out "$TMP/a"
printf '1,x' | try logits --tokens - --out "$TMP/a"
printf '1,2\0,3' | try logits --tokens - --out "$TMP/a"
try logits --tokens 1 --out none/such/file
try logits none.gguf --tokens 1 --out "$TMP/a"
cat "$TMP/a"
ls "$TMP"
echo 1 | try logits --tokens - --out /dev/full

# The model is never replaced; a file of another name is.
cp models/stories260K.gguf "$TMP/own.gguf"
ln "$TMP/own.gguf" "$TMP/hard"
mkdir "$TMP/model"
cp test/data/oracle/mistral/params.json test/data/oracle/mistral/consolidated* "$TMP/model"
(cd "$TMP" && try logits own.gguf --tokens 1 --out own.gguf
    try logits own.gguf --tokens 1 --out hard
    try logits model --tokens 1 --out model/consolidated.safetensors
    try logits model --tokens 1 --out model/params.json
    try logits model --tokens 1 --out model
    try logits own.gguf --tokens 1 --out a)
cmp models/stories260K.gguf "$TMP/own.gguf"
cp test/data/oracle/mistral-lora/consolidated.safetensors "$TMP/model"
cp test/data/oracle/mistral-lora/params.json "$TMP/model"
cp -r test/data/oracle/mistral-lora/peft "$TMP/peft"
cp test/data/oracle/mistral-lora/lora.safetensors "$TMP"
(cd "$TMP" && try logits model --adapter peft:0.5 --adapter lora.safetensors --tokens 1 \
        --out lora.safetensors
    try logits model --adapter lora.safetensors --adapter peft --tokens 1 \
        --out ./peft/adapter_model.safetensors
    try logits model --adapter peft --tokens 1 --out peft/adapter_config.json
    try logits model --adapter peft --tokens 1 --out peft/other)
cmp test/data/oracle/mistral-lora/lora.safetensors "$TMP/lora.safetensors"
rm -r "$TMP/peft" "$TMP/lora.safetensors"

# Between ids is one comma, or white space; an array has both its brackets.
for tokens in 1,,2 ,1 1, '[1,]' '[1' '1]' '[1]2'; do
    try logits --tokens "$tokens" --out "$TMP/x"
done
for tokens in '1 2' '[ 1 , 2 ]' '
1
2
'; do
    "$BISE" logits --exact --cpu c --tokens "$tokens" --out - | cksum
done

# Parts for pictures are left out, which is said once.
. test/cli/with_tower
with_tower "$TMP/tower"
try logits "$TMP/tower" --tokens 1,2 --out "$TMP/x"

# A checkpoint that says how its inputs are rounded, and some that do not.
for model in ministral3-fp8 ministral3-nvfp4 mistral; do
    try logits test/data/oracle/$model --round-activations --tokens 1 --out /dev/null
done
