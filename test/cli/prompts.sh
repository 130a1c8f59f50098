# The examples of doc/PROMPTS.md are what the program prints.
data=test/data/tokenizers
for generation in v3 v7 v11-image v13 v15-image v7-audio v7-realtime v7-tts; do
    test/cli/tekken_json $generation "$TMP/$generation"
done
# example MODEL [OPTION...]: renders stdin; the text view must stand in the document, a line of its own.
example() {
    model=$1
    shift
    "$BISE" render "$@" "$model" |
        sed -E 's/.*"text": "(([^"\\]|\\.)*)".*/\1/; s/\\(["\\])/\1/g; s/(\[STREAMING_PAD\]){38}/(38 times [STREAMING_PAD])/
            s/(\[AUDIO\]){375}/(375 times [AUDIO])/; s/(\[AUDIO\]){67}/(67 times [AUDIO])/' >"$TMP/text"
    cat "$TMP/text"
    grep -qxF "    $(cat "$TMP/text")" doc/PROMPTS.md || echo "is not in doc/PROMPTS.md"
}
v1=$data/tokenizer.model.v1
v3=$data/mistral_instruct_tokenizer_240323.model.v3
v7=$data/mistral_instruct_tokenizer_241114.model.v7

cat >"$TMP/talk" <<'END'
{"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "U1"},
  {"role": "assistant", "content": "A1"}, {"role": "user", "content": "U2"}]}
END
cat >"$TMP/tools" <<'END'
{"messages": [{"role": "user", "content": "U"},
  {"role": "assistant", "tool_calls": [{"id": "abcdefghi", "type": "function",
    "function": {"name": "f", "arguments": "{\"a\":1}"}}]},
  {"role": "tool", "tool_call_id": "abcdefghi", "name": "f", "content": "22"}],
 "tools": [{"type": "function", "function": {"name": "f", "description": "", "parameters": {}}}]}
END
example $v1 <"$TMP/talk"
for options in --format=v2 --format=v3; do
    example $v3 $options <"$TMP/talk"
    example $v3 $options <"$TMP/tools"
done
for model in $v7 "$TMP/v3" "$TMP/v7" "$TMP/v11-image" "$TMP/v13" "$TMP/v15-image"; do
    example "$model" <"$TMP/talk"
    example "$model" <"$TMP/tools"
done

cat >"$TMP/thinking" <<'END'
{"messages": [{"role": "user", "content": "U"}, {"role": "assistant", "prefix": true, "content": [
  {"type": "thinking", "thinking": "T"}, {"type": "text", "text": "A"}]}]}
END
example "$TMP/v13" <"$TMP/thinking"
cat >"$TMP/picture" <<'END'
{"messages": [{"role": "user", "content": [{"type": "text", "text": "U"},
  {"type": "image", "width": 84, "height": 56}]}]}
END
example "$TMP/v11-image" <"$TMP/picture"
cat >"$TMP/sound" <<'END'
{"messages": [{"role": "user", "content": [{"type": "audio", "samples": 16000},
  {"type": "text", "text": "U"}]}]}
END
example "$TMP/v7-audio" <"$TMP/sound"
echo '{"transcription": {"samples": 16000, "language": "fr"}}' | example "$TMP/v7-audio"
echo '{"streaming": {}}' | example "$TMP/v7-realtime"
echo '{"speech": {"input": "Bonjour", "voice": "ar_male"}}' | example "$TMP/v7-tts"
echo '{"prompt": "def f(", "suffix": "return a"}' | example $v3
