# Downloads from mirrors whose lists have neither sizes nor hashes: each file is asked for them.
hub=$TMP/hub
mkdir -p "$hub/story" "$hub/both"
cp models/stories260K.gguf "$hub/story"
cp test/data/oracle/ministral-swa-mix/*.* "$hub/both"
cp test/data/stories260K/tok512.model "$hub/both/tokenizer.model"
. test/cli/with_hub
start_hub

echo "== small files and large ones"
HF_TOKEN=abc pull bare/both | sed 's/([0-9]* of/(N of/' | sort
asked
kept bare both
for file in "$TMP"/store/models--bare--both/snapshots/*/*; do
    cmp "$hub/both/$(basename "$file")" "$file"
done
pull bare/both
asked | grep -v HEAD
pull bare/story
pull bare-weak/both | tail -1
pull bare-moved/story
asked

echo "== answers that are wrong or missing"
fresh
for fault in none etag vast commit headless loop hash size; do
    pull bare-$fault/story --tries 2
    kept bare-$fault story
done
for fault in number other; do
    pull bare-$fault/both --tries 2 --parallel 1
    kept bare-$fault both | grep -v incomplete
done
