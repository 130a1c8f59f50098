# A file of requests, answered, stopped and gone on with.  In plain C the answers are the same on
# every machine.
cd "$TMP" || exit 1
mkdir tmp && TMPDIR=$TMP/tmp && export TMPDIR
for i in 1 2 3 4 5 6 7 8; do
    echo "{\"custom_id\":\"r$i\",\"body\":{\"prompt\":\"Once upon a time $i\",\"max_tokens\":12,\"temperature\":0}}"
done >in.jsonl
echo '{"prompt":"The cat","max_tokens":5,"temperature":0,"model":"another","stream":true}' >>in.jsonl
generate() {
    echo "generate $*"
    try generate --cpu c --exact --threads 1 "$@" |
        sed -E 's/in [0-9.]+ s/in T s/; s/[0-9.]+ per second/R per second/g
            s/("(seconds|output_tokens_per_s|total_tokens_per_s)":)[0-9.e+-]+/\1X/g'
}
# custom_id, and the text or what failed.
texts() {
    sed -E 's/.*"custom_id":("[^"]*"),.*"text":("([^"\\]|\\.)*").*/\1 \2/
        s/.*"custom_id":("[^"]*"),.*"error":(\{"code".*)\}$/\1 \2/' "$@" | sort
}

echo "== all at once"
generate -i in.jsonl -o all.jsonl --json
texts all.jsonl
grep -c '"id":"[0-9a-f]*","custom_id":"[^"]*","response":{"status_code":200,"body":{"id":"cmpl-' all.jsonl
generate -i in.jsonl -o all.jsonl

echo "== gone on with"
head -c $(($(head -3 all.jsonl | wc -c) + 50)) all.jsonl >cut.jsonl
generate --input=in.jsonl --output cut.jsonl --parallel 1
texts all.jsonl >all.txt
texts cut.jsonl | diff all.txt - && echo "the same"

echo "== after a kill"
i=0
while [ $i -lt 150 ]; do
    i=$((i + 1))
    echo "{\"custom_id\":\"k$i\",\"body\":{\"prompt\":\"Lily $i\",\"max_tokens\":12,\"temperature\":0}}"
done >many.jsonl
"$BISE" generate --cpu c --threads 1 -i many.jsonl -o killed.jsonl 2>/dev/null &
pid=$!
while [ ! -s killed.jsonl ]; do sleep 0.02; done
kill -KILL $pid
wait $pid 2>/dev/null
[ "$(wc -l <killed.jsonl)" -lt 150 ] && echo "killed in time"
"$BISE" generate --cpu c --threads 1 -i many.jsonl -o killed.jsonl 2>/dev/null
echo "= $?"
"$BISE" generate --cpu c --threads 1 -i many.jsonl -o whole.jsonl 2>/dev/null
texts whole.jsonl >whole.txt
texts killed.jsonl | diff whole.txt - && wc -l <killed.jsonl
rm -rf tmp/*

echo "== Ctrl-C"
env --default-signal=INT "$BISE" generate --cpu c --threads 1 -i many.jsonl -o stopped.jsonl 2>err &
pid=$!
while [ ! -s stopped.jsonl ]; do sleep 0.02; done
kill -INT $pid
wait $pid
echo "= $?"
tail -1 err
ls tmp

echo "== requests that fail"
cat >bad.jsonl <<'END'
{"custom_id":"ok","body":{"prompt":"Once","max_tokens":3,"temperature":0}}
{"custom_id":"range","body":{"prompt":"Once","max_tokens":-3}}
{"custom_id":"url","url":"/v1/nothing","body":{"prompt":"Once"}}
{"custom_id":"no url","url":"http://x","body":{"prompt":"Once"}}
END
generate -i bad.jsonl -o some.jsonl
texts some.jsonl some.jsonl.errors
sed '2,$d' bad.jsonl >good.jsonl
generate -i good.jsonl -o some.jsonl
ls some*

echo "== wrong files and usage"
generate
generate -i
generate -x 1
generate -i in.jsonl -o in.jsonl
generate -i none -o x.jsonl
generate -i in.jsonl -o /dev/null
generate -i in.jsonl -o tmp
generate -i in.jsonl -o good.jsonl
generate -i bad.jsonl -o some.jsonl nomodel
printf '{"a":1}' >precious
generate -i in.jsonl -o precious
cat precious
echo
printf '{"prompt":"x"}\n{"prompt":\n' >broken.jsonl
generate -i broken.jsonl -o x.jsonl
