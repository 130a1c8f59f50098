# Every type of the bundled model loads again; what is lossless says the same.
model=models/stories260K.gguf
for type in F32 F16 BF16 Q8_0 Q6_K Q5_K_M Q5_K_S Q4_K_M Q4_K_S Q4_0 IQ4_NL IQ4_XS MXFP4; do
    (cd "$TMP" && "$BISE" quantize "$OLDPWD/$model" $type.gguf --type $type) 2>&1
    "$BISE" show "$TMP/$type.gguf" | sed -n '/^formats/,/^layers/p; /^tokenizer/p' | sed '/^layers/d'
done
text() { "$BISE" run "$1" "Once upon a time" --temperature 0 --max-tokens 100 --exact 2>"$TMP/.2"; }
text $model >"$TMP/want"
for type in F32 F16 BF16; do
    text "$TMP/$type.gguf" | cmp - "$TMP/want" && echo "$type: the same text"
done

# One thread or three, and written again, it is the same file.
cd "$TMP"
for n in 1 3; do "$BISE" quantize F32.gguf t$n.gguf --type Q5_K_M --threads $n 2>&1; done
cmp t1.gguf t3.gguf && cmp t1.gguf Q5_K_M.gguf && echo same
cd "$OLDPWD"

# Published layouts, with a tokenizer beside the weights.
mkdir "$TMP/native" "$TMP/hf"
cp test/data/oracle/mixtral/params.json test/data/oracle/mixtral/consolidated* "$TMP/native"
cp test/data/oracle/mistral4/config.json test/data/oracle/mistral4/model* "$TMP/hf"
for layout in native hf; do
    (cd "$TMP" && try quantize $layout $layout.gguf --type q8_0)
    "$BISE" show "$TMP/$layout.gguf" | sed -n '/^architecture/p; /^formats/,/^layers/p; /^tokenizer/p'
done

# A file never replaces its own source, nor another one without being told.
ln -s F32.gguf "$TMP/link.gguf"
ln "$TMP/F32.gguf" "$TMP/hard.gguf"
for out in F32.gguf ./F32.gguf link.gguf hard.gguf; do
    (cd "$TMP" && try quantize F32.gguf $out --type Q8_0 --force)
done
mkdir "$TMP/linked"
cp "$TMP/native/params.json" "$TMP/linked"
ln "$TMP/native/consolidated.safetensors" "$TMP/linked/consolidated.safetensors"
ln -s ../native/consolidated.safetensors "$TMP/linked/weights.gguf"
ln "$TMP/linked/params.json" "$TMP/linked/params.gguf"
(cd "$TMP" && try quantize native linked/weights.gguf --type Q8_0 --force
    try quantize linked linked/params.gguf --type Q8_0 --force
    try quantize F32.gguf Q8_0.gguf --type Q4_0 --imatrix Q8_0.gguf --force)
(cd "$TMP" && try quantize F32.gguf Q8_0.gguf --type F16)
(cd "$TMP" && try quantize F32.gguf Q8_0.gguf --type F16 --force)
rm "$TMP/link.gguf" "$TMP/hard.gguf"

# Wrong usage, and what cannot be written.
try quantize a b.gguf --type Q3_K_M
try quantize a b.gguf
try quantize a --type F16
try quantize a b.bin --type F16
(cd "$TMP" && try quantize none.gguf b.gguf --type F16
    try quantize F32.gguf no/such/file.gguf --type Q8_0
    mkdir folder.gguf
    try quantize F32.gguf folder.gguf --type Q8_0
    try quantize F32.gguf F32.gguf/a.gguf --type Q8_0
    try quantize F32.gguf /dev/full --type F16
    rmdir folder.gguf)

# Nobody reads the summary, or the messages: the file is whole.
cd "$TMP"
"$BISE" quantize F32.gguf unread.gguf --type F16 2>&1 >&-
echo "= $?"
cmp F16.gguf unread.gguf
"$BISE" quantize F32.gguf full.gguf --type F16 2>&1 >/dev/full
echo "= $?"
cmp F16.gguf full.gguf
"$BISE" quantize F32.gguf mute.gguf --type Q8_0 2>&- >"$TMP/.1"
echo "= $?"
"$BISE" quantize F32.gguf - --type Q8_0 2>"$TMP/.2" | cmp - mute.gguf
rm unread.gguf full.gguf mute.gguf
cd "$OLDPWD"

# Ended in the middle, nothing is left but what SIGKILL leaves, and the name stands for nothing.  The
# program waits there: the pipe for its note about rows is full until the signal has come.
mkfifo "$TMP/pipe"
for signal in INT TERM HUP KILL; do
    exec 3<>"$TMP/pipe"
    dd if=/dev/zero of="$TMP/pipe" bs=4096 oflag=nonblock 2>"$TMP/.2"
    (cd "$TMP" && exec env --default-signal=INT,TERM,HUP "$BISE" quantize \
        "$OLDPWD/$model" late.gguf --type Q4_0 2>pipe) &
    until ls "$TMP"/late.gguf.*.part >"$TMP/.1" 2>&1 || ! kill -0 $!; do sleep 0.01; done
    kill -$signal $!
    # What is killed must be gone before the pipe has room, else the note can still come.
    code=
    [ $signal != KILL ] || { wait $! || code=$?; } 2>"$TMP/.2"
    exec 4<"$TMP/pipe" 3>&-
    tr -d '\000' <&4
    [ "$code" ] || { wait $! || code=$?; } 2>"$TMP/.2"
    echo "= $code"
    ls "$TMP" | grep late | sed 's/[0-9][0-9]*/N/'
    rm -f "$TMP"/late*
    exec 4<&-
done

# What waits for the reader of its output ends at once.
env --default-signal=TERM "$BISE" quantize $model - --type F32 >"$TMP/pipe" &
exec 3<"$TMP/pipe"
dd bs=1 count=1 <&3 >"$TMP/.1" 2>"$TMP/.2"
kill -TERM $!
wait $! 2>"$TMP/.2"
echo "= $?"
exec 3<&-
rm "$TMP/pipe"

# An adapter is no model: it says which verb takes it.
try quantize test/data/oracle/mistral-lora/peft "$TMP/adapter.gguf" --type Q8_0
# Broken weights are named with their file, also where they are copied.
cp "$TMP/F32.gguf" "$TMP/nan.gguf"
printf '\377\377\377\177' | dd of="$TMP/nan.gguf" bs=1 conv=notrunc \
    seek=$(($(stat -c %s "$TMP/nan.gguf") - 4)) 2>"$TMP/.2"
(mkdir "$TMP/in" && mv "$TMP/nan.gguf" "$TMP/in" && cd "$TMP" && try show --check-tensors in/nan.gguf
    for type in F32 Q8_0; do try quantize in/nan.gguf o.gguf --type $type; done
    ls | grep '^o')

# A full disk: nothing is left.
(ulimit -f 200 && cd "$TMP" && try quantize F32.gguf big.gguf --type F32)
ls "$TMP" | grep -E "big|part|late"
true
