# Ctrl-C stops the answer; what was written stays, as whole lines.  A shell's background jobs
# ignore SIGINT, so env sets it back.
mkfifo "$TMP/out"
env --default-signal=INT "$BISE" run --cpu c --exact --threads 1 --ignore-eos --no-loop-guard \
    --max-tokens 0 --stats "Once upon a time" >"$TMP/out" 2>"$TMP/err" &
pid=$!
exec 3<"$TMP/out"
# The prompt is written before anything is computed.
dd bs=1 count=16 <&3 2>/dev/null
kill -INT $pid
cat <&3 >"$TMP/rest"
wait $pid
echo "= $?"
[ -z "$(tail -c 1 "$TMP/rest")" ] && echo "ends with a newline"
sed -n 's/.*\(ended by: .*\)/\1/p' "$TMP/err"
# While a program waits for its input, it ends it at once.
mkfifo "$TMP/in"
env --default-signal=INT "$BISE" logits --tokens - --out "$TMP/l.f32" <"$TMP/in" 2>/dev/null &
pid=$!
exec 4>"$TMP/in"
printf 1, >&4
sleep 0.2
kill -INT $pid
(sleep 5 && kill -KILL $pid 2>/dev/null) &
watchdog=$!
wait $pid
echo "= $?"
kill $watchdog
exec 4>&-
# Where it is ignored, as under nohup, it stays ignored.
trap '' INT
"$BISE" run --max-tokens 4 "Once upon a time" 2>/dev/null
