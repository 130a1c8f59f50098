# A newcomer's first steps, and the help of every command.
try
try help
for verb in run serve generate show pull list rm quantize imatrix merge bench tokenize render parse logits grammar-check keys version help; do
    "$BISE" help $verb >"$TMP/help" || echo "help $verb failed"
    "$BISE" $verb --help | cmp - "$TMP/help"
    head -1 "$TMP/help"
    awk 'length > 95 { print "line too long: " $0 }' "$TMP/help"
done
try run -h --unknown | head -1
try help me
try help run show
