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
printf G >"$TMP/one.gguf" && echo x | try tokenize "$TMP/one.gguf"
