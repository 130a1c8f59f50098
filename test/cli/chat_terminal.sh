# A conversation that is typed, with models whose answers are known in advance.
. test/cli/with_terminal
scripted=$(dirname "$BISE")/scripted_model
v3=$TMP/v3
mkdir "$v3"
cp test/data/tokenizers/mistral_instruct_tokenizer_240323.model.v3 "$v3"
"$scripted" "$v3" '[/INST]It is warm and sunny.</s>'
v13=$TMP/v13
mkdir "$v13"
test/cli/tekken_json v13 "$v13/tekken.json"
"$scripted" "$v13" '[/TOOL_RESULTS]Warm and sunny</s>' \
    '[/INST][THINK]Let me see.[/THINK]I will look:[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}</s>'
cat >"$TMP/tools.json" <<'END'
[{"type": "function", "function": {"name": "get_weather", "description": "the weather",
  "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}}]
END
steady() { sed -E -e 's/"(id|tool_call_id)": "[0-9a-zA-Z]{9}"/"\1": "ID"/g' -e "s|$TMP|TMP|g"; }
# Types each line when the question after the one before has come; a line ^C is that key.
talk() {
    n=1
    while IFS= read -r line; do
        case $line in
        ^C) printf '\003' >&3 ;;
        *) printf '%s\n' "$line" >&3 ;;
        esac
        n=$((n + 1))
        shown $n '^\(>\|\.\.\.\|result of [a-z_]*>\) '
    done
    printf '\004' >&3
    finish
    steady <"$TMP/text"
}

# Commands, messages over several lines, text that begins with a slash.
session "$v3"
talk <<END
How is the weather?
/system
/system Be brief.
/system
   
/system """

Be brief,
/nosuch
"""
/system
/system """Be brief."""
"""In Paris,

I mean.
"""
today, \\
of course
/save $TMP/talk.json
//save
/regenerate
/nothing
/save
/quit now
/help
/tools
/load $TMP/none.json
/reset
/regenerate
/system
END
steady <"$TMP/talk.json"

# What was saved goes on, to the same tokens.
session --json "$v3"
talk <<END
/load $TMP/talk.json
And tomorrow?
END
session --json "$v3"
talk <<END
/system Be brief.
How is the weather?
END

session "$v3"
printf '/quit\n' >&3
finish

# What the sequence holds is not computed again, the answers included unless that is asked for.
for option in "" --deterministic; do
    session --stats $option "$v3"
    talk <<END
How is the weather?
And tomorrow?
END
    sed -n 's/^\(prompt .* tokens\) in .*/\1/p' "$TMP/text"
done >"$TMP/stats"
grep '^prompt.*tokens$' "$TMP/stats"

# A call is answered by the user, also with nothing; without a result the question is dropped.
session --tools "$TMP/tools.json" "$v13"
talk <<END
How is the weather?
{"sky": "blue"}
How is it now?
^C
/save $TMP/talk.json
/tools
How is it now?

END
steady <"$TMP/talk.json"
# Commands work there, too; some leave nothing to answer.
session --tools "$TMP/tools.json" "$v13"
talk <<END
How is the weather?
/?
/nothing
/save $TMP/talk.json
/system Be brief.
//unknown
/save $TMP/talk.json
How is it now?
/reset
/save $TMP/reset.json
How is it now?
/regenerate
"""/blue
"""
/save $TMP/again.json
END
steady <"$TMP/talk.json"
steady <"$TMP/reset.json"
steady <"$TMP/again.json"
for name in quit exit bye; do
    session --tools "$TMP/tools.json" "$v13"
    printf 'How is the weather?\n' >&3
    shown 1 '^result'
    printf '/%s\n' $name >&3
    finish
    tail -1 "$TMP/text"
done
cat >"$TMP/bad.json" <<'END'
{"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b"}]}
END
session "$v13"
talk <<END
/load $TMP/bad.json
/load $TMP/tools.json
/load $TMP/talk.json
/regenerate
END

# A file in the home folder; a conversation without tools leaves those that are there.
HOME=$TMP/home
export HOME
mkdir "$HOME"
echo '{"messages": [{"role": "user", "content": "a"}]}' >"$HOME/a.json"
session "$v13"
talk <<END
/tools ~/../tools.json
/load ~/a.json
/tools
/save ~/b.json
END
steady <"$HOME/b.json"

# Calls that cannot be said again stay text; half a call is left out; silence is no answer.
"$scripted" "$v13" '[/INST]Yes[TOOL_CALLS]get weather[ARGS]{broken</s>'
session "$v13"
talk <<END
How is the weather?
/save $TMP/talk.json
And now?
END
steady <"$TMP/talk.json"
session --max-tokens 5 "$v13"
talk <<END
How is the weather?
/save $TMP/talk.json
END
steady <"$TMP/talk.json"
"$scripted" "$v13" '[/INST]</s>'
cat >"$TMP/picture.json" <<'END'
{"messages": [{"role": "user", "content": [{"type": "image", "width": 9, "height": 9}]}]}
END
session "$v13"
talk <<END
How is the weather?
/regenerate
/load $TMP/picture.json
"""/* text */
"""
END

# Ctrl-C stops an answer, whose beginning stays; the terminal echoes the key anywhere in it.
v7=$TMP/long
mkdir "$v7"
cp test/data/tokenizers/mistral_instruct_tokenizer_241114.model.v7 "$v7"
"$scripted" "$v7" '[/INST]It goes round and round'
session --no-loop-guard --context 100000 --cpu c --exact --threads 1 "$v7"
printf 'How?\n' >&3
shown 1 'It goes round and'
printf '\003' >&3
shown 2 '^> '
printf '/save %s\n' "$TMP/talk.json" >&3
shown 1 '^note: saved'
printf '\004' >&3
finish
sed -E -e 's/\^C//' -e 's/(It goes round).*/\1.../' "$TMP/text" | steady
sed -E 's/(It goes round).*"/\1..."/' "$TMP/talk.json"
