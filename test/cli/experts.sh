# A mixture whose experts come from a small cache computes the same bits; sizes are checked.
mixtral=test/data/oracle/mixtral
logits() { "$BISE" logits "$mixtral" --tokens 1,5,9,200,3 --out "$TMP/$1" $2; echo "= $?"; }
logits all ""
logits some "--expert-memory 100K"
logits rest "--expert-memory auto"
cmp "$TMP/all" "$TMP/some" && cmp "$TMP/all" "$TMP/rest" && echo same
try logits "$mixtral" --tokens 1 --out "$TMP/none" --expert-memory 1K
try logits test/data/oracle/mistral --tokens 1 --out "$TMP/none" --expert-memory 1G
logits some "--expert-memory 0.1mb"
cmp "$TMP/all" "$TMP/some" && echo same
try logits "$mixtral" --tokens 1 --out "$TMP/none" --expert-memory 1
for size in 0 12X 1.5 -1G "" 1Gi 99999999999G 99999999999999999999; do
    try logits "$mixtral" --tokens 1 --out "$TMP/none" --expert-memory "$size"
done
"$BISE" bench --expert-memory 100K --repeat 1 --prompt 8 --generate 4 "$mixtral" --json |
    tr ',{}' '\n\n\n' | sed -n 's/^"\(.*expert.*\|disk.*\|hit_rate\)":.*/\1/p; /"limit":"disk"/p'
"$BISE" bench --expert-memory 100K --repeat 1 --prompt 8 --generate 4 --batch 2 "$mixtral" |
    sed -nE 's/[0-9.]+ ([kM]B|bytes)/N/; /disk|^experts/{s/<?[0-9.]+/N/g; s/ +/ /g; p;}'
