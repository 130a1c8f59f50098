# Text to ids and back; the ids are those of the reference tokenizer.
tokenize() { printf "$1" | "$BISE" tokenize; }
tokenize 'Once upon a time'
tokenize ''
tokenize ' two  spaces\nand a line'
tokenize 'caf\303\251 \343\201\202 \360\237\230\200 \377'
tokenize '<s> </s> [INST]'
printf 'Once upon a time' | try tokenize test/data/stories260K/tok512.model
for text in 'Once upon a time' 'caf\303\251 \343\201\202 \360\237\230\200' 'a\n\n  b\t'; do
    printf "$text" >"$TMP/text"
    "$BISE" tokenize <"$TMP/text" | "$BISE" tokenize --decode | cmp - "$TMP/text" && echo same
done
echo '[1, 403, 407, 2]' | try tokenize --decode --keep-special
echo; echo '[1, 403, 407, 2]' | try tokenize --decode
echo; echo '[]' | try tokenize --decode
echo '[512]' | try tokenize --decode
echo '[1.5]' | try tokenize --decode
echo '["a"]' | try tokenize --decode
echo '{"a":1}' | try tokenize --decode
echo '[1,' | try tokenize --decode
echo x | try tokenize test/data/oracle/mistral
echo x | try tokenize none/such/file
echo x | try tokenize test/data/README.md
printf G >"$TMP/one.gguf" && echo x | try tokenize "$TMP/one.gguf" | sed "s|$TMP|TMP|"

# Each id with its piece, and how many there are, either way.
printf 'Once upon\na "\\" caf\303\251 \343\201\202 \033 \377' | try tokenize --pieces
echo '[1,403,2]' | try tokenize --decode --pieces
echo '{"tokens": [1, 403], "text": "x\u0000"}' | try tokenize --decode --pieces
echo '{"tokens": {}}' | try tokenize --decode
printf '' | try tokenize --decode
printf 'Once upon a time' | try tokenize --count
echo '[1,403,2]' | try tokenize --decode --count
printf '' | try tokenize --count
printf '' | try tokenize --pieces
try tokenize --count --pieces
try tokenize --keep-special

# golden TOKENIZER MODEL STEP: every STEP-th of the reference's answers whose text the shell can
# write, and all whose bytes are no text.
golden() {
    passed=0
    grep '^{"name"' "test/data/golden/text-$1.json" | grep -v '"repeat"\|\\[^nrt]' >"$TMP/all"
    grep '"bytes_b64"' "test/data/golden/text-$1.json" >>"$TMP/all"
    awk -v step="$3" 'NR % step == 0 || /"bytes_b64"/' "$TMP/all" | sort -u >"$TMP/vectors"
    while IFS= read -r vector; do
        value=$(printf '%s\n' "$vector" | sed 's/.*"bytes_b64": "//; s/.*"text": "//; s/", "ids".*//')
        case $vector in
        *'"bytes_b64"'*) echo "$value" | base64 -d >"$TMP/text" ;;
        *) printf '%b' "$value" >"$TMP/text" ;;
        esac
        want=$(printf '%s\n' "$vector" | sed 's/.*"ids": \(\[[^]]*\]\).*/\1/; s/ //g')
        got=$("$BISE" tokenize "$2" <"$TMP/text")
        [ "$got" = "$want" ] && passed=$((passed + 1)) || printf '%s: %s\n' "$vector" "$got"
    done <"$TMP/vectors"
    echo "$1: $passed of $(wc -l <"$TMP/vectors") as the reference"
}
golden spm-v1 test/data/tokenizers/tokenizer.model.v1 1
golden spm-v3 test/data/tokenizers/mistral_instruct_tokenizer_240323.model.v3 1
golden spm-v7 test/data/tokenizers/mistral_instruct_tokenizer_241114.model.v7 1
mkdir "$TMP/tekken" && test/cli/tekken_json v3 "$TMP/tekken/tekken.json"
golden tekken "$TMP/tekken" 8
