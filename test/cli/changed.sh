# The model's file shrinks while it is mapped: one line that names it and the place, exit code 1.
[ -r /proc/self/maps ] || { echo 'SKIP no /proc here'; exit; }
cp models/stories260K.gguf "$TMP/m.gguf"
mkfifo "$TMP/in"
"$BISE" run "$TMP/m.gguf" <"$TMP/in" >"$TMP/out" 2>"$TMP/err" &
pid=$!
exec 3>"$TMP/in"
# Once the file is mapped, the program soon waits for its prompt.
while kill -0 $pid && ! grep -q m.gguf /proc/$pid/maps; do sleep 0.05; done
sleep 0.5
: >"$TMP/m.gguf"
echo "Once upon a time" >&3
exec 3>&-
wait $pid
echo "= $?"
grep -v '^note: ' "$TMP/err" | sed "s|$TMP/|TMP/|; s|at byte [0-9]* |at byte N |"
