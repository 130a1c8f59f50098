# What a person sees who types: script gives the program a terminal.
. test/cli/with_terminal

# Ctrl-C drops what was typed, each time; Ctrl-D ends.
session --max-tokens 4
printf 'abc\003' >&3
shown 2 '^> '
printf '\003' >&3
shown 3 '^> '
printf 'Once upon a time\n' >&3
shown 4 '^> '
printf '\n' >&3
shown 5 '^> '
printf 'He\n' >&3
shown 6 '^> '
printf '\004' >&3
finish
cat "$TMP/text"

# The text begins on a line of its own, also when Ctrl-D and no newline ended the prompt.
session --max-tokens 4
printf 'Once\004' >&3
sleep 0.3
printf '\004' >&3
shown 2 '^> '
finish
cat "$TMP/text"

# Ctrl-C during an answer stops it, and the next line is answered.
session --cpu c --exact --threads 1 --ignore-eos --no-loop-guard --max-tokens 0 --context 4000
printf 'Once upon a time\n' >&3
shown 1 'a time, '
printf '\003' >&3
shown 2 '^> '
printf '\004' >&3
finish
sed 's/^\(Once upon a time\),.*/\1.../' "$TMP/text" | grep -e '^>' -e '^note' -e '\.\.\.$'

# A second one while the step still computes that the first one waits for ends nothing.
session --cpu c --exact --threads 1 --max-tokens 4 --context 4000
printf 'Once upon a time %.0s' $(seq 200) >&3
printf '\n' >&3
shown 1 '^note: this'
for i in 1 2 3; do
    printf '\003' >&3
    sleep 0.02
done
shown 2 '^> '
printf 'Once upon a time\n' >&3
shown 1 ', there'
printf '\004' >&3
finish
grep ', there' "$TMP/text"

# On a terminal the run that is under way is shown.
script -qec "exec '$BISE' bench --repeat 2 --prompt 8 --generate 4 >/dev/null" /dev/null </dev/null |
    tr '\r' '\n' | sed -n 's/.*\(decode 4 at 0: .*\)/\1/p'

# A bar keeps to the terminal's width: what the terminal says, else COLUMNS, else 80.
widest() {
    rm -f "$TMP/q.gguf"
    script -qec "$1; exec '$BISE' quantize models/stories260K.gguf '$TMP/q.gguf' --type Q8_0" /dev/null </dev/null |
        tr '\r' '\n' | grep '^.*\[#' | sed 's/.*\[K//' | awk '{ if (length > n) n = length } END { print n }'
}
widest 'stty cols 40'
widest 'stty cols 100'
widest 'stty cols 0; export COLUMNS=60'
widest 'stty cols 0; unset COLUMNS'
