# Output ids to a message; most lines are from test/data/golden/parse.json.
v3=test/data/tokenizers/mistral_instruct_tokenizer_240323.model.v3
for generation in v7 v11-image v15-image; do
    test/cli/tekken_json $generation "$TMP/$generation.json"
done
parse() { echo "$1" | try parse "$2"; }

parse '[23325,1504,29491,2]' $v3
parse '[23325,8222]' $v3
parse '[5,1501,7567,1629,2032,1113,29490,1316,1113,17452,2032,10598,29476,2032,29473,29508,1649,1113,1081,2032,1113,17380,2038,1359,29478,29507,10925,2]' $v3
parse '[5,1501,7567,1629,2032,1113,29490,1316,1113,17452,2032,10598,29476,2032,29473,29508]' $v3
parse '[9,1091,19227,2391,2811,1429,1102,1897,1429,61906,2811,1429,1120,1034,27028,2]' "$TMP/v7.json"
parse '[1662,1032,9,1102,33,35416,3149,48555,32,30620,9,1103,33,1049,1050,1051,1052,1053,1054,1055,1056,1057,32,19227,1098,2811,27336,3905,27735,1093,16753,1125,2]' "$TMP/v11-image.json"
parse '[34,60571,1284,35,128782,1046,9,1102,32,30620,2]' "$TMP/v15-image.json"
parse '[1073,2084,3690,2295,12589,1046,9,1102,32,19227,1113,2811,1429,2316,6430,2897,25994,1120,1092,14135,1125,9,1102,32,19227,1113,2811,1429,1050,46005,2]' "$TMP/v15-image.json"
parse '[34,67159,11483]' "$TMP/v15-image.json"
parse '[9,1102,32,19227,1097,2811,1032,2]' "$TMP/v15-image.json"
parse '[1784,9066,1766,12001,57142,1093,1321,1766,9197,8568,74483,1083,1093,1120,1091,3905,27735,20079,1125,1584,3403,1046,2]' "$TMP/v15-image.json"
parse '[]' $v3

# Events as they come: no marker, no half of a character, nothing lost.
echo '[34,1226,1130,1172,1240,35,1072,9,1102,32,19227,1097,2811,1032,2]' |
    try parse --stream "$TMP/v15-image.json"
echo '[9,1091,19227,2391,2811,1429,1102,1897,1429,61906,2811,1445,2821,1093,9,1072,2]' |
    try parse --stream "$TMP/v7.json"
printf '<think>Hm.</think>\nYes.' | "$BISE" tokenize "$TMP/v11-image.json" >"$TMP/ids"
try parse --think-tags "$TMP/v11-image.json" <"$TMP/ids"
try parse "$TMP/v11-image.json" <"$TMP/ids"

# Another version than the file's, and none.
echo '[9,1102,32,30620,2]' | try parse --format v13 "$TMP/v7.json"
echo '[9,1102,30620,2]' | try parse --format v13 "$TMP/v7.json"
echo '[1]' | try parse --format v4 $v3
echo '[1,403,407]' | try parse
echo '[32768]' | try parse $v3
echo '{}' | try parse $v3
echo '[1,' | try parse $v3

# Each event comes with its id: the next id is written when the event before has been read.
mkfifo "$TMP/in" "$TMP/out"
"$BISE" parse --stream "$TMP/v15-image.json" <"$TMP/in" >"$TMP/out" &
exec 4>"$TMP/in" 5<"$TMP/out"
for id in '[34' ,67159 ' , 11483' ',35 ' ,1072; do
    printf '%s ' "$id" >&4
    read -r event <&5 && echo "$event"
done
printf ',2]\n' >&4
exec 4>&-
cat <&5
exec 5<&-
wait $!
echo "= $?"

# The id that the model gave a call; one that is drawn.
echo '[9,1103,33,1049,1050,1051,1052,1053,1054,1055,1056,1057,32,19227,1098,2811,27336,3905,27735,2]' |
    try parse --stream "$TMP/v11-image.json"
steady() { sed -E 's/"id": "[0-9a-zA-Z]{9}"/"id": "ID"/g'; }
for option in "" --stream; do
    echo '[9,1102,32,30620,2]' | try parse --draw-ids $option "$TMP/v15-image.json" | steady
done
echo '[9,1103,33,1049,1050,1051,1052,1053,1054,1055,1056,1057,32,30620,2]' |
    try parse --draw-ids "$TMP/v11-image.json"

# What is no array of ids, as it comes.
for text in '' '1' '[' '[]' ' [ ] ' '[1' '[1 2]' '[1,]' '[,1]' '[-1]' '[01]' '[1.5]' '["a"]' '[32768]' \
    '[99999999999999999999]' '[1]x' '{"tokens": [1]}'; do
    echo "$text" | try parse --stream $v3
done
