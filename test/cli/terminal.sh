# What a person sees who types: script gives the program a terminal.
script -qec true /dev/null </dev/null >/dev/null 2>&1 || { echo 'SKIP no pseudo-terminal here'; exit; }
mkfifo "$TMP/keys"
session() {
    : >"$TMP/screen"
    env --default-signal=INT script -qec "exec '$BISE' run $*" /dev/null <"$TMP/keys" >"$TMP/screen" 2>&1 &
    pid=$!
    exec 3>"$TMP/keys"
    shown 1 '^> '
}
# Waits until so many lines like that are on the screen.
shown() {
    for i in $(seq 200); do
        [ "$(tr '\r' '\n' <"$TMP/screen" | grep -c "$2")" -ge "$1" ] && return
        sleep 0.05
    done
    echo "not shown: $1 times $2"
}
finish() {
    exec 3>&-
    wait $pid
    echo "= $?"
    tr -d '\r' <"$TMP/screen" | cat -v >"$TMP/text"
}

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

# On a terminal the run that is under way is shown.
script -qec "exec '$BISE' bench --repeat 2 --prompt 8 --generate 4 >/dev/null" /dev/null </dev/null |
    tr '\r' '\n' | sed -n 's/.*\(decode 4: .*\)/\1/p'
