# Downloads by TLS: certificates that are trusted and those that are not, and where a token goes.
hub=$TMP/hub
mkdir -p "$hub/story"
cp models/stories260K.gguf "$hub/story"
. test/cli/with_hub
start_hub # by plain HTTP
plain=$HF_ENDPOINT

echo "== signed by whom SSL_CERT_FILE, or CURL_CA_BUNDLE, names"
start_hub good "$TMP/ca"
good=$HF_ENDPOINT
SSL_CERT_FILE=$TMP/ca HF_TOKEN=abc pull fine/story
asked
cmp models/stories260K.gguf "$TMP"/store/models--fine--story/snapshots/*/stories260K.gguf
fresh
CURL_CA_BUNDLE=$TMP/ca pull fine/story | tail -1
fresh
for fault in short broken; do
    SSL_CERT_FILE=$TMP/ca pull $fault/story
done

echo "== nobody trusted, or the file of them is none"
fresh
pull fine/story
asked
SSL_CERT_FILE=$TMP/none pull fine/story
echo none >"$TMP/empty"
CURL_CA_BUNDLE=$TMP/empty pull fine/story
asked

echo "== other certificates that are not good: said at once, never asked again"
for kind in expired future other; do
    start_hub $kind "$TMP/ca-$kind"
    SSL_CERT_FILE=$TMP/ca-$kind HF_TOKEN=abc pull fine/story
    asked
done
kept fine story

echo "== the host to which the hub leads has none of its own"
start_hub hub "$TMP/ca-hub"
SSL_CERT_FILE=$TMP/ca-hub HF_TOKEN=abc pull fine/story
asked
kept fine story

echo "== led to another port, to https, and from https to http"
export SSL_CERT_FILE="$TMP/ca"
start_hub
echo "$HF_ENDPOINT" >"$hub/elsewhere"
HF_ENDPOINT=$plain
HF_TOKEN=abc pull elsewhere/story
asked
fresh
HF_ENDPOINT=$plain
echo "$good" >"$hub/elsewhere"
HF_TOKEN=abc pull elsewhere/story
asked
fresh
HF_ENDPOINT=$good
echo "$plain" >"$hub/elsewhere"
HF_TOKEN=abc pull elsewhere/story
asked

echo "== TLS where there is none"
HF_ENDPOINT=https${plain#http} pull fine/story
