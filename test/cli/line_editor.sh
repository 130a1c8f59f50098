# Lines that are edited while they are typed: keys, history, pasted text; what the program got is in
# the conversation that it saves.
. test/cli/with_terminal
TERM=xterm
v3=$TMP/v3
mkdir "$v3"
cp test/data/tokenizers/mistral_instruct_tokenizer_240323.model.v3 "$v3"
"$(dirname "$BISE")/scripted_model" "$v3" '[/INST]It is warm and sunny.</s>'
# Types keys, and waits for the prompt behind what they do.
n=1
keys() {
    printf "$1" >&3
    n=$((n + 1))
    shown $n '2004h\(>\|\.\.\.\) '
}
session --context 100000 "$v3"
keys 'bcd\001a\005e\r'
keys 'Gr\303\274\303\237e \342\202\254\360\237\230\200\033[D\033[DX\033[3~\r'
# Up twice; a search; a tab.
keys '\033[A\033[A\033[H\t\r'
keys '\022bc\033\005!\r'
# Ctrl-C drops a line in its middle, and a message in its middle.
printf 'dropped' >&3
shown 1 'dropped$'
keys '\003'
keys '"""dropped\r'
keys '\003'
keys '"""one\r'
keys 'two"""\r'
# Pasted lines are one message, whatever they hold; quotes around them are none of it.
keys '\033[200~one \\\r\ttwo\r\nthree\n\033[201~\r'
keys '\033[200~"""\r/one\r"""\033[201~\r'
# More than a terminal's line buffer, pasted in both ways.
long=$(printf 'word %.0s' $(seq 1000))end
keys "$long,$long\r"
keys "\033[200~$long;$long\033[201~\r"
keys "/save $TMP/talk.json\r"
printf '\004' >&3
finish
sed -E 's/(word ){1000}end/LONG/g' "$TMP/talk.json" | grep '"user"'
grep -c 'It is warm and sunny' "$TMP/text"
