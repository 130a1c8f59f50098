# The model store: a hub on this machine that misbehaves (hub_server.c: ORG says how), downloads,
# names, what is there afterwards, and what is removed.
hub=$TMP/hub
mkdir -p "$hub/story" "$hub/again" "$hub/both" "$hub/types" "$hub/shards" "$hub/half" "$hub/pickle"
cp models/stories260K.gguf "$hub/story"
cp models/stories260K.gguf "$hub/again"
head -c 30000 /dev/zero >"$hub/story/mmproj-f16.gguf"
cp test/data/oracle/ministral-swa-mix/*.* "$hub/both"
cp models/stories260K.gguf "$hub/types/tiny-Q8_0.gguf"
cp test/data/stories260K/stories260K-q4_0.gguf "$hub/types/tiny-Q4_0.gguf"
cp test/data/oracle/mistral-sharded/*.* "$hub/shards"
cp test/data/oracle/mistral-sharded/*.* "$hub/half"
rm "$hub/half/"*00002-of*
tokenizer=test/data/stories260K/tok512.model
for model in both shards half; do cp $tokenizer "$hub/$model/tokenizer.model"; done
head -c 30000 /dev/zero >"$hub/pickle/pytorch_model.bin"

. test/cli/with_hub
start_hub
# Waits until so many bytes of something unfinished are there.
received() {
    n=0
    until [ "$(cat "$TMP"/store/*/blobs/*.incomplete 2>/dev/null | wc -c)" = "$1" ] ||
        [ $n -gt 300 ]; do
        n=$((n + 1))
        sleep 0.1
    done
}
# Waits until a word is in a file.
appears() {
    n=0
    until grep -qs "$1" "$2" || [ $n -gt 300 ]; do
        n=$((n + 1))
        sleep 0.1
    done
}

echo "== one model: from the hub, from the store, offline"
try list
try show fine/story | mask
pull fine/story
asked
kept fine story
(cd "$TMP/store/models--fine--story" && cat refs/main && echo && readlink snapshots/*/*.gguf)
cmp models/stories260K.gguf "$TMP"/store/models--fine--story/snapshots/*/stories260K.gguf
pull fine/story
asked
pull --offline fine/story
asked
HF_HUB_OFFLINE=1 try pull other/story | mask
try run fine/story "Once upon a time" --max-tokens 8 | grep -v '^2>'
try quantize fine/story "$TMP/q8.gguf" --type Q8_0 | tail -1
printf 'Once upon a time there was a little girl' >"$TMP/text"
try imatrix fine/story "$TMP/text" --chunk 4 --out "$TMP/imatrix" | mask
try show fine/story | mask | head -3

echo "== one layout, the native one; parts; types; what is no model"
pull fine/both | sed 's/([0-9]* of/(N of/' | sort
kept fine both | wc -l
pull fine/shards | sed 's/([0-9]* of/(N of/' | sort
try show fine/shards | grep -A 1 '^layout'
pull fine/half
pull fine/types
pull fine/types:q4_0
pull fine/types:tiny-Q8_0.gguf
pull fine/types:Q6_K
pull fine/pickle
pull fine/none
try list | sed -E 's/[0-9]+ (second|minute)s?$/AGE/'
try list --json | mask | sed -E 's/"time":[0-9]+/"time":T/'

echo "== two numbers in a byte"
mkdir "$hub/packed"
cp test/data/oracle/ministral3-nvfp4/config.json test/data/oracle/ministral3-nvfp4/model.* \
    "$hub/packed"
cp $tokenizer "$hub/packed/tokenizer.model"
pull fine/packed | tail -1
try list | grep packed | sed -E 's/[0-9]+ (second|minute)s?$/AGE/'

echo "== an adapter of the store"
mkdir "$hub/lora" "$TMP/base"
cp test/data/oracle/mistral-lora/peft/* "$hub/lora"
cp test/data/oracle/mistral-lora/config.json test/data/oracle/mistral-lora/model.safetensors "$TMP/base"
pull fine/lora | tail -1
try list | grep lora | sed -E 's/[0-9]+ (second|minute)s?$/AGE/'
for adapter in test/data/oracle/mistral-lora/peft fine/lora; do
    try logits "$TMP/base" --adapter $adapter:0.5 --tokens 1,5,9 --exact --cpu c --out - | md5sum
done
mkdir "$hub/base"
cp "$TMP/base/"* "$hub/base"
pull fine/base | tail -2 # without its tokenizer
cp $tokenizer "$hub/base/tokenizer.model"
pull fine/base | tail -1
try merge fine/base --adapter fine/lora "$TMP/merged" | mask
"$BISE" rm --yes fine/base 2>/dev/null
try logits "$TMP/base" --adapter fine/none --tokens 1 --out -
"$BISE" rm --yes fine/lora 2>/dev/null

echo "== damaged in the store: noticed if small, or if asked to look"
fresh
pull fine/both | tail -1
pull fine/story | tail -1
damage() { for f; do printf x | dd of="$f" bs=1 seek=100 conv=notrunc 2>"$TMP/dd"; done; }
damage "$TMP"/store/models--fine--both/snapshots/*/params.json
damage "$TMP"/store/models--fine--story/snapshots/*/stories260K.gguf
pull fine/both
pull fine/story
pull fine/story --verify
asked
cmp models/stories260K.gguf "$TMP"/store/models--fine--story/snapshots/*/stories260K.gguf
pull fine/story --verify
asked

echo "== what the hub refuses"
pull nobody/story
pull private/story
HF_TOKEN=abc pull private/story
pull gated/story
pull fine/story@v2
pull terse/story@v2
pull fine/story@v1
pull missing/types:gone.gguf
pull page/story
HF_TOKEN='a b' pull fine/story
echo >"$TMP/file"
for store in file file/store; do
    HF_HUB_CACHE=$TMP/$store pull fine/story
    HF_HUB_CACHE=$TMP/$store try list | mask
    HF_HUB_CACHE=$TMP/$store try show fine/story | mask
done
HF_ENDPOINT=ftp://nowhere pull fine/story
HF_ENDPOINT=nonsense pull fine/story
HF_ENDPOINT=http://127.0.0.1:1 pull fine/story
pull story
pull a/b/c
pull ../story

echo "== the token goes to the hub alone"
fresh
HF_TOKEN=abc pull gated/story
asked
mkdir -p "$HOME/.cache/huggingface"
echo abc >"$HOME/.cache/huggingface/token"
fresh
pull gated/story | tail -1
asked | grep -c token
rm "$HOME/.cache/huggingface/token"

echo "== transfers that break"
for fault in short busy broken wrong1 changed changed206 norange length drip; do
    fresh
    [ $fault != drip ] || export HF_HUB_DOWNLOAD_TIMEOUT=5
    pull $fault/story
    asked | grep cdn | sed 's/drip\(.*\)bytes=[0-9]*/drip\1bytes=SOME/'
    cmp models/stories260K.gguf "$TMP"/store/*/snapshots/*/stories260K.gguf
    find "$TMP/store" -name '*.incomplete'
done
export HF_HUB_DOWNLOAD_TIMEOUT=60
for fault in wrong down patience loop endless; do
    fresh
    pull $fault/story --tries 2
    kept $fault story
done

echo "== listings that lie"
for fault in dotdot absolute control backslash huge; do
    pull $fault/story
done
pull vast/story:vast.gguf | sed -E 's/[0-9.]+ [kMGT]B are free/N GB are free/'
find "$TMP" -name 'escaped*'

echo "== killed half way, gone on with"
fresh
"$BISE" pull pause/story >/dev/null 2>&1 &
pid=$!
received 592688
kill -9 $pid
wait $pid 2>/dev/null
try list
try list --json | mask
try run pause/story x
try show pause/story
try pull --offline pause/story:stories260K.gguf
try show pause/story:Q4_0
rm -r "$TMP"/store/*/begun # as another tool leaves it
try list
try run pause/story x
pull pause/story
asked | grep cdn
cmp models/stories260K.gguf "$TMP"/store/*/snapshots/*/stories260K.gguf
kept pause story

echo "== two types killed half way: each is known by itself"
fresh
cp -r "$hub/types" "$hub/pair"
for part in Q8_0:592688 Q4_0:731200; do
    "$BISE" pull pause/pair:${part%:*} >/dev/null 2>&1 &
    pid=$!
    received ${part#*:}
    kill -9 $pid
    wait $pid 2>/dev/null
done
try list
try run pause/pair:tiny-Q4_0.gguf x
try rm --yes pause/pair:tiny-Q8_0.gguf
try list
pull pause/pair:Q4_0 | tail -1
try list | sed -E 's/[0-9]+ (second|minute)s?$/AGE/'
kept pause pair

echo "== a full disk: said so, and gone on with when there is room"
fresh
(ulimit -f 1000; pull fine/story)
kept fine story
pull fine/story
asked | grep cdn

echo "== Ctrl-C: said how it goes on"
fresh
env --default-signal=INT "$BISE" pull slow/again 2>"$TMP/text" &
pid=$!
received 592688
kill -INT $pid
wait $pid
echo "= $?"
cat "$TMP/text"

echo "== two at once: one waits, both have it"
fresh
: >"$TMP/log"
"$BISE" pull slow/story >"$TMP/first" 2>&1 &
pid=$!
received 592688
"$BISE" pull slow/story >"$TMP/second" 2>&1 &
second=$!
appears waiting "$TMP/second"
touch "$hub/go"
wait $pid
echo "= $?"
wait $second
echo "= $?"
cat "$TMP/first" "$TMP/second" | sort -u | mask
grep -c cdn "$TMP/log"

echo "== removed: what nobody else needs"
fresh
pull fine/types:Q4_0 | tail -1
pull fine/types:Q8_0 | tail -1
pull fine/types@v1:Q8_0 | tail -1
try list | sed -E 's/[0-9]+ (second|minute)s?$/AGE/'
try rm fine/types:Q8_0
try rm --yes fine/types:Q8_0
kept fine types
try run fine/types@v1 "Once upon a time" --max-tokens 8 | grep -v '^2>'
try rm --yes fine/types:Q8_0
try rm --yes fine/types
kept fine types
try rm --yes fine/types@v1
try list
pull fine/story | tail -1
for verb in rm run show; do try $verb fine/story:Q8_0 | mask; done
try rm --yes fine/story
try rm --yes fine/story
find "$TMP/store" -type f
pull fine/types:Q4_0 | tail -1
"$BISE" pull pause/types:Q8_0 >/dev/null 2>&1 &
pid=$!
received 592688
kill -9 $pid
wait $pid 2>/dev/null
mv "$TMP/store/models--pause--types/begun" "$TMP/store/models--fine--types"
mv "$TMP"/store/models--pause--types/blobs/*.incomplete "$TMP/store/models--fine--types/blobs"
"$BISE" rm --yes pause/types 2>/dev/null
try list | sed -E 's/[0-9]+ (second|minute)s?$/AGE/'
try run fine/types:Q8_0 x
try rm --yes fine/types:tiny-Q8_0.gguf
try list | sed -E 's/[0-9]+ (second|minute)s?$/AGE/'
kept fine types
try rm --yes fine/types
"$BISE" pull pause/both >/dev/null 2>&1 &
pid=$!
received 194932
try rm --yes pause/both 2>&1 | sed -E 's|TMP.*/|TMP/|' | mask | sed -E 's/[0-9a-f]{64}/HASH/'
kill -9 $pid
wait $pid 2>/dev/null
try rm --yes pause/both
ls -A "$TMP/store" "$TMP/store/.locks" | mask
