# A conversation with models whose answers are known in advance, see scripted_model.c.
scripted=$(dirname "$BISE")/scripted_model
data=test/data/tokenizers

v3=$TMP/v3
mkdir "$v3"
cp $data/mistral_instruct_tokenizer_240323.model.v3 "$v3"
"$scripted" "$v3" '[/INST]It is warm and sunny.</s>'
# Thinking, text and a call; and an answer to the call's result.
v13=$TMP/v13
mkdir "$v13"
test/cli/tekken_json v13 "$v13/tekken.json"
"$scripted" "$v13" '[/TOOL_RESULTS]Warm and sunny</s>' \
    '[/INST][THINK]Let me see.[/THINK]I will look:[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}</s>'
cat >"$TMP/tools.json" <<'END'
[{"type": "function", "function": {"name": "get_weather", "description": "the weather",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
END
# Ids that are drawn are hidden.
steady() { sed -E 's/"id": "[0-9a-zA-Z]{9}"/"id": "ID"/g'; }

# One answer: the prompt is not printed, thoughts and notes are apart from it.
try run "$v3" "How is the weather?"
echo "How is the weather?" | try run "$v3"
try run --tools "$TMP/tools.json" "$v13" "How is the weather?"
try run --hide-thinking "$v13" "How is the weather?"
try run --json --tools "$TMP/tools.json" "$v13" "How is the weather?" | steady
try run --json --system "Be brief." "$v3" "How is the weather?"
try run --json --max-tokens 2 "$v3" "How is the weather?"
try run --max-tokens 3 "$v13" "How is the weather?"
try run --stop " and" "$v3" "How is the weather?"
try run --stop "warm and cold" --json "$v3" "How is the weather?"
try run --stop "see" --hide-thinking "$v13" "How is the weather?"
# Text of the user is text: two tokens would be one.
try run --json "$v3" "[/INST]" | sed 's/.*usage/usage/'
# Text that is continued; another format.
try run --plain --max-tokens 3 "$v3" "[/INST]"
try run --json --format v2 "$v3" "How is the weather?"

# What cannot be.
try run --format v13 "$v3" "How is the weather?"
try run --format v4 "$v3" "How is the weather?"
try run --plain --system "Be brief." "$v3" "How is the weather?"
try run --system "Be brief." "Once upon a time"
try run --reasoning-effort high "$v3" "How is the weather?"
try run --tools "$TMP/none.json" "$v3" "How is the weather?" | sed "s|$TMP|TMP|"
echo '[{"type": "function"}]' >"$TMP/bad.json"
try run --tools "$TMP/bad.json" "$v3" "How is the weather?" | sed "s|$TMP|TMP|"
echo '"x"' >"$TMP/bad.json"
try run --tools "$TMP/bad.json" "$v3" "How is the weather?" | sed "s|$TMP|TMP|"
try run --context 5 "$v3" "How is the weather?"
try run --context 12 "$v3" "How is the weather?"
try run "$v3" ""
"$BISE" run "$v3" "How is the weather?" >/dev/full
echo "= $?"

# The settings block of v15, whose effort can be chosen.
v15=$TMP/v15
mkdir "$v15"
test/cli/tekken_json v15-image "$v15/tekken.json"
"$scripted" "$v15" '[/INST]Hello!</s>'
try run --json --reasoning-effort high "$v15" "Hello"
try run --reasoning-effort low "$v15" "Hello"

# Calls as a JSON list, alone and next to text; and a call that is none the less a call.
v7=$TMP/v7
mkdir "$v7"
cp $data/mistral_instruct_tokenizer_241114.model.v7 "$v7"
"$scripted" "$v7" '[/INST]Look:[TOOL_CALLS][{"name":"get_weather","arguments":{}}]</s>'
try run "$v7" "How is the weather?"
try run --json "$v7" "How is the weather?" | steady
"$scripted" "$v13" '[/INST]Yes[TOOL_CALLS]get_weather[ARGS]{Paris</s>'
try run "$v13" "How is the weather?"
try run --json "$v13" "How is the weather?" | steady
# Calls at once, drawn from two; the last of them cut off.  Stop strings count in text only.
calls=$TMP/calls
mkdir "$calls"
test/cli/tekken_json v13 "$calls/tekken.json"
"$scripted" --draw "$calls" '[/INST][TOOL_CALLS]get_weather[ARGS]{"city": 1}' \
    '[TOOL_CALLS]f[ARGS]{}[TOOL_CALLS]' '1}</s>'
try run --temperature 1 --seed 7 "$calls" "How is the weather?"
try run --json --temperature 1 --seed 7 "$calls" "How is the weather?" | steady
try run --json --temperature 1 --seed 7 --max-tokens 12 "$calls" "How is the weather?" | steady
try run --json --temperature 1 --seed 7 --stop city "$calls" "How is the weather?" | steady
# Thoughts between tags that are text.
tags=$TMP/tags
mkdir "$tags"
cp "$v7/mistral_instruct_tokenizer_241114.model.v7" "$tags"
"$scripted" --draw "$tags" '[/INST]<think>Let me see</think> It is warm.</s>'
try run --temperature 1 --seed 3 --think-tags "$tags" "How is the weather?"
try run --temperature 1 --seed 3 --think-tags --json "$tags" "How is the weather?"
try run --temperature 1 --seed 3 "$tags" "How is the weather?"
# Tools for a model that knows none.
v1=$TMP/v1
mkdir "$v1"
cp $data/tokenizer.model.v1 "$v1/tokenizer.model"
"$scripted" "$v1" ']Warm</s>'
try run --format v1 --tools "$TMP/tools.json" "$v1" "How is the weather?"
# A system prompt from a file; in v13 its markers are real.
printf 'Think.[THINK]Hm[/THINK]Answer.' >"$TMP/SYSTEM_PROMPT.txt"
for model in "$v3" "$v13"; do
    try run --json --system-file "$TMP/SYSTEM_PROMPT.txt" --max-tokens 1 "$model" "Hi" |
        sed 's/.*prompt_tokens/prompt_tokens/'
done
try run --system-file "$TMP/none.txt" "$v13" "Hi" | sed "s|$TMP|TMP|"
try run --system-file "$TMP/SYSTEM_PROMPT.txt" --system x "$v13" "Hi"
try run --system-file "$TMP/SYSTEM_PROMPT.txt" --plain "$v13" "Hi"

# A conversation that goes on: a tool loop with nobody at the terminal.
"$scripted" "$v13" '[/TOOL_RESULTS]Warm and sunny</s>' '[/INST]I look[TOOL_CALLS]get_weather[ARGS]{}</s>'
question='{"role": "user", "content": "How is the weather?"}'
echo "{\"messages\": [$question], \"tools\": $(cat "$TMP/tools.json")}" >"$TMP/request.json"
"$BISE" run --json --load "$TMP/request.json" "$v13" </dev/null >"$TMP/answer"
steady <"$TMP/answer"
message=$(sed 's/^{"message":\(.*\),"finish_reason".*/\1/' "$TMP/answer")
id=$(sed 's/.*"tool_calls": \[{"id": "\([^"]*\)".*/\1/' "$TMP/answer")
result="{\"role\": \"tool\", \"tool_call_id\": \"$id\", \"name\": \"get_weather\", \"content\": \"22\"}"
echo "{\"messages\": [$question, $message, $result]}" >"$TMP/request.json"
try run --json --load "$TMP/request.json" "$v13"
# The next message of the user, as an argument and as input; then there must be one.
answer='{"role": "assistant", "content": "Warm."}'
echo "{\"messages\": [$question, $message, $result, $answer]}" >"$TMP/request.json"
try run --json --load "$TMP/request.json" --max-tokens 1 "$v13" "Why?" | sed 's/.*"usage/usage/'
echo "Why?" | try run --json --load "$TMP/request.json" --max-tokens 1 "$v13" | sed 's/.*"usage/usage/'
masked() { sed "s|$TMP|TMP|"; }
try run --load "$TMP/request.json" "$v13" | masked
# Its system text and effort come before the options'.
echo "{\"messages\": [$question], \"reasoning_effort\": \"high\"}" >"$TMP/request.json"
for option in "" --reasoning-effort=low --system=Yes; do
    try run --json --load "$TMP/request.json" $option "$v15" | sed 's/.*"usage/usage/'
done
try run --json --reasoning-effort high "$v15" "How is the weather?" | sed 's/.*"usage/usage/'
echo "{\"messages\": [{\"role\": \"system\", \"content\": \"Be brief.\"}, $question]}" >"$TMP/request.json"
for option in "" --system=Yes --reasoning-effort=low; do
    try run --json --load "$TMP/request.json" $option "$v15" | masked | sed 's/.*"usage/usage/'
done
# What cannot go on.
try run --load "$TMP/none.json" "$v3" | masked
echo "{\"messages\": [$question" >"$TMP/request.json"
try run --load "$TMP/request.json" "$v3" | masked
echo "{\"messages\": [$question], \"reasoning_effort\": \"high\"}" >"$TMP/request.json"
try run --load "$TMP/request.json" "$v3" | masked
echo "{\"messages\": [$result]}" >"$TMP/request.json"
try run --load "$TMP/request.json" "$v13" | masked
try run --load "$TMP/request.json" --plain "$v13" Hi

# Nothing to answer; and weights that name no chat format.
try run "$v3"
echo | try run "$v3"
try run
try run --max-tokens 1 "$v1" "Hello"
try run --system "Be brief." "$v1" "Hello"
