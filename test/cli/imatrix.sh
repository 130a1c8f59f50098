# What matters is measured on a text, used, and refused for another model.
model=models/stories260K.gguf
for i in 1 2 3 4 5 6; do
    "$BISE" run $model "Once upon a time" --seed $i --max-tokens 200 2>"$TMP/.2"
done >"$TMP/text"
cd "$TMP"
try imatrix "$OLDPWD/$model" text --out m.gguf --chunk 128 --exact
"$BISE" imatrix "$OLDPWD/$model" text --out m3.gguf --chunk 128 --exact --threads 3 2>/dev/null
cmp m.gguf m3.gguf && echo same
"$BISE" imatrix "$OLDPWD/$model" text --out - --chunk 128 --exact | cmp - m.gguf && echo same
try quantize "$OLDPWD/$model" plain.gguf --type Q4_0
try quantize "$OLDPWD/$model" best.gguf --type Q4_0 --imatrix m.gguf
cmp -s plain.gguf best.gguf || echo "the weights were rounded otherwise"
for f in plain.gguf best.gguf; do
    "$BISE" run $f "Once upon a time" --temperature 0 --max-tokens 12 2>"$TMP/.2"
    echo
done
try quantize "$OLDPWD/test/data/oracle/mistral" o.gguf --type Q4_0 --imatrix m.gguf
try quantize plain.gguf o.gguf --type Q4_0 --imatrix best.gguf
try quantize plain.gguf o.gguf --type Q4_0 --imatrix none
echo short >short
try imatrix plain.gguf short --out s.gguf
ln -s "$OLDPWD/test/data/oracle/mistral" wordless
try imatrix wordless text --out s.gguf
try imatrix plain.gguf text
# Nothing is replaced by mistake.
ln text text.gguf
ln -s plain.gguf link
for out in text text.gguf plain.gguf link; do try imatrix plain.gguf text --out $out --force; done
try imatrix plain.gguf text --out m.gguf --chunk 128
try imatrix plain.gguf text --out m3.gguf --chunk 128 --force
try imatrix plain.gguf text --out none/such --chunk 128
rm text.gguf link
try quantize plain.gguf o.gguf --type Q4_0 --imatrix text
# A chunk is no longer than what the model was made for.
try imatrix plain.gguf text --out s.gguf --chunk 100000
try imatrix plain.gguf text --out s.gguf --chunk 513
printf "Once upon" >once
try imatrix plain.gguf once --out once.gguf --chunk 2
rm once*
# Broken weights are an error, and no file.
cp "$OLDPWD/$model" nan.gguf
printf '\377\377\377\177' | dd of=nan.gguf bs=1 conv=notrunc \
    seek=$(($(stat -c %s nan.gguf) - 4)) 2>.2
try imatrix nan.gguf text --out s.gguf --chunk 64
rm nan.gguf
# Ended by Ctrl-C, timeout or a terminal that closes, nothing is left.
for i in 1 2 3 4 5 6 7; do cat text text text text; done >long
for signal in INT TERM HUP; do
    env --default-signal=$signal "$BISE" imatrix plain.gguf long --out late --exact --threads 1 &
    n=0
    until ls late.*.part >.1 2>&1 || [ $n -gt 300 ]; do
        n=$((n + 1))
        sleep 0.01
    done
    kill -$signal $!
    wait $!
    echo "= $?"
done
rm long
ls
