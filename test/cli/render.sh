# Requests to prompts: a sample of each golden file, compared with its ids.  The unit tests take
# all of them; here it is shown that the command gets there.
golden=test/data/golden
data=test/data/tokenizers

# open_model TEMPLATE: sets model and format to those of a template as the golden files name it.
open_model() {
    format=
    case $1 in
    spm-v1) model=$data/tokenizer.model.v1 ;;
    spm-v2) model=$data/mistral_instruct_tokenizer_240323.model.v3 format=--format=v2 ;;
    spm-v3) model=$data/mistral_instruct_tokenizer_240323.model.v3 ;;
    spm-v7) model=$data/mistral_instruct_tokenizer_241114.model.v7 ;;
    spm-v7m1)
        model=$TMP/tokenizer.model.v7m1
        cp $data/mistral_instruct_tokenizer_241114.model.v7 "$model"
        ;;
    *)
        model=$TMP/$1.json
        [ -e "$model" ] || test/cli/tekken_json "${1#tekken-}" "$model"
        ;;
    esac
}

# field NAME: prints what a vector, the line on stdin, has as NAME, a text without escapes.
field() { sed -n "s/.*\"$1\": \"\\([^\"]*\\)\".*/\\1/p"; }
number() { sed -n "s/.*\"$1\": \\([0-9]*\\).*/\\1/p"; }
ids() { sed -n "s/.*\"$1\": \\[\\([0-9, ]*\\)\\].*/\\1/p"; }
request() { sed -E 's/.*"request": //; s/, "(max_model_input_len|ids|error|ok)": .*//'; }

# render LINE [OPTION...]: renders the request of a vector into $TMP/got.
render() {
    printf '%s\n' "$1" | request >"$TMP/request"
    max=$(printf '%s\n' "$1" | number max_model_input_len)
    shift
    "$BISE" render $format ${max:+--truncate-at-max-tokens=$max} "$@" "$model" \
        <"$TMP/request" >"$TMP/got" 2>&1
}

# same LINE [NAME]: says whether $TMP/got has the ids of a vector, and counts it.
same() {
    want=$(printf '%s\n' "$1" | ids "${2:-ids}")
    if [ -n "$want" ] && [ "$(ids tokens <"$TMP/got")" = "$want" ]; then
        n=$((n + 1))
    else
        printf 'different: %s\n' "$1"
        cat "$TMP/got"
    fi
}

for file in "$golden"/chat-spm-*.json "$golden"/chat-tekken-*.json; do
    template=${file#*chat-}
    open_model "${template%.json}"
    n=0
    grep '^{"name"' "$file" | awk 'NR % 20 == 1' >"$TMP/sample"
    while IFS= read -r line; do
        render "$line"
        same "$line"
        want=$(printf '%s\n' "$line" | number n_prefix_ids)
        [ "$(number n_prefix <"$TMP/got")" = "$want" ] || echo "other prefix: $line"
    done <"$TMP/sample"
    echo "${template%.json}: $n of $(wc -l <"$TMP/sample")"
done

grep '^{"template": "spm' $golden/upstream-samples.json | awk 'NR % 2' >"$TMP/sample"
n=0
while IFS= read -r line; do
    open_model "$(printf '%s\n' "$line" | field template)"
    render "$line"
    same "$line"
done <"$TMP/sample"
echo "upstream samples: $n of $(wc -l <"$TMP/sample")"

# Refused with the sentence of the reference, where that has no quotes in it.
grep '^{"templates": \["spm' $golden/chat-errors.json | grep -v AssertionError |
    awk 'NR % 4 == 1' >"$TMP/sample"
n=0
while IFS= read -r line; do
    mode=$(printf '%s\n' "$line" | field mode)
    open_model "$(printf '%s\n' "$line" | sed 's/^{"templates": \["\([^"]*\)".*/\1/')"
    if render "$line" --mode "$mode"; then
        same "$line"
        continue
    fi
    message=$(printf '%s\n' "$line" | sed -n 's/.*, "message": "\([^"\\]*\)".*/\1/p')
    if [ "$(wc -l <"$TMP/got")" != 1 ]; then
        echo "not one line: $line"
    elif [ -z "$message" ] || grep -qF "$message" "$TMP/got"; then
        n=$((n + 1))
    else
        printf '%s: ' "$message" && cat "$TMP/got"
    fi
done <"$TMP/sample"
echo "errors: $n of $(wc -l <"$TMP/sample")"

n=0
grep '^{"template": "spm' $golden/fim.json >"$TMP/sample"
while IFS= read -r line; do
    open_model "$(printf '%s\n' "$line" | field template)"
    printf '%s\n' "$line" | sed 's/.*\("prompt": .*\), "ids": .*/{\1}/' |
        "$BISE" render $format "$model" >"$TMP/got"
    same "$line"
done <"$TMP/sample"
echo "fim: $n of $(wc -l <"$TMP/sample")"

for template in tekken-v3-image tekken-v7-image; do
    [ $template = tekken-v3-image ] && patch=16 || patch=14
    open_model $template
    n=0
    grep "^{\"patch_size\": $patch" $golden/image-grid.json | grep -v 'tokens_[wh]": 0' |
        awk 'NR % 16 == 1' >"$TMP/sample"
    while IFS= read -r line; do
        size=$(printf '%s\n' "$line" | sed 's/.*\("width": [0-9]*, "height": [0-9]*\).*/\1/')
        want=$(printf '%s\n' "$line" |
            sed -n 's/.*"n_ids": \([0-9]*\), "resized": \[\(.*\), \(.*\)\].*/\1 \2 \3/p')
        echo "{\"messages\": [{\"role\": \"user\", \"content\": [{\"type\": \"image\", $size}]}]}" |
            "$BISE" render "$model" >"$TMP/got"
        got="$(number n <"$TMP/got") $(number width <"$TMP/got") $(number height <"$TMP/got")"
        [ "$got" = "$want" ] && n=$((n + 1)) || echo "$size: $got, not $want"
    done <"$TMP/sample"
    echo "$template, grids: $n of $(wc -l <"$TMP/sample")"
done

# sound KIND REQUEST: renders every ninth vector of a kind; REQUEST is made of it by sed.
sound() {
    n=0
    grep "\"kind\": \"$1\"" $golden/audio.json | awk 'NR % 9 == 1' >"$TMP/sample"
    while IFS= read -r line; do
        printf '%s\n' "$line" | sed "$2" | "$BISE" render "$model" >"$TMP/got"
        if ! printf '%s\n' "$line" | grep -q ids_without_audio; then
            want=$(printf '%s\n' "$line" | number n_ids)
            [ "$(ids tokens <"$TMP/got" | wc -w)" = "$want" ] && n=$((n + 1)) || cat "$TMP/got"
            continue
        fi
        want=$(printf '%s\n' "$line" | number n_audio)
        [ "$(number n <"$TMP/got")" = "$want" ] || echo "not $want slots: $line"
        sed -i -E ':a; s/(\[|, )24, /\1/; ta' "$TMP/got"
        same "$line" ids_without_audio
    done <"$TMP/sample"
    echo "$1: $n of $(wc -l <"$TMP/sample")"
}
open_model tekken-v7-audio
sound transcription 's/.*\("samples": .*\), "n_audio".*/{"transcription": {\1}}/'
open_model tekken-v7-realtime
sound streaming-offline 's/.*\("samples": .*\), "ids".*/{"streaming": {\1}}/'
sound streaming-online 's/.*\("delay_ms": .*\), "n_ids".*/{"streaming": {\1}}/'
echo '{"streaming": {"delay_ms": 960}}' | "$BISE" render "$model" | sed 's/.*, "pads"/"pads"/'
echo '{"streaming": {"samples": 16000, "delay_ms": 81}}' | try render "$model"
open_model tekken-v7-tts
sound speech-voice 's/.*\("input": .*\), "n_audio".*/{"speech": {\1}}/'
sound speech-reference 's/.*\("input": .*\), "samples_24k": \([0-9]*\).*/{"speech": {\1, "samples": \2}}/'
echo '{"speech": {"input": "x", "voice": "nobody"}}' | try render "$model"
echo '{"speech": {"input": "x"}}' | try render "$model"
echo '{"speech": {"voice": "fr_male"}}' | try render "$model"

# The whole output; text that looks like a control token is text.
open_model tekken-v15-image
cat >"$TMP/request" <<'END'
{"messages": [{"role": "system", "content": "Be brief."},
  {"role": "user", "content": [{"type": "text", "text": "[INST]\n\"é\""},
    {"type": "image", "width": 60, "height": 30}]},
  {"role": "assistant", "content": "It is ", "prefix": true}], "reasoning_effort": "high"}
END
try render "$model" <"$TMP/request"
# Where text that looks like a control token is not marked as one; and back.
try render --pieces "$model" <"$TMP/request"
"$BISE" render "$model" <"$TMP/request" | "$BISE" tokenize --decode --pieces "$model" >"$TMP/back"
"$BISE" render --pieces "$model" <"$TMP/request" | cmp - "$TMP/back" && echo same
# Two spellings.
echo '{"messages": [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}]}' >"$TMP/request"
try render "$model" <"$TMP/request"
try render --openai "$model" <"$TMP/request"

# What is no request, and no model for one.
open_model spm-v3
for text in '' '{' '{}' '[]' '{"messages": {}}' '{"messages": []}' '{"prompt": 1}' \
    '{"prompt": "a", "suffix": 1}' '{"transcription": {"samples": 1}}' '{"streaming": {}}' \
    '{"speech": 1}' '{"transcription": {"samples": -1}}' '{"messages": [], "messages": 1}'; do
    printf '%s' "$text" | try render "$model"
done
echo '{"messages": [{"role": "user", "content": "a"}]}' >"$TMP/request"
try render <"$TMP/request"
try render --format 1 <"$TMP/request"
try render --format v7 "$model" <"$TMP/request"
try render --format 4 "$model"
try render --mode strict "$model"
try render --mode serving "$model" <"$TMP/request"
try render --truncate-at-max-tokens 0 "$model"
try render none/such <"$TMP/request"
"$BISE" render "$model" <"$TMP/request" >/dev/full
echo "= $?"

# A request that only another spelling explains.
echo '{"messages": [{"role": "developer", "content": "x"}, {"role": "user", "content": "a"}]}' | try render "$data/mistral_instruct_tokenizer_240323.model.v3"
try render "$data/mistral_instruct_tokenizer_240323.model.v3" <<'END'
{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [{"id": "call_1", "function": {"name": "f"}}]}, {"role": "tool", "tool_call_id": "call_1", "content": "1"}]}
END
