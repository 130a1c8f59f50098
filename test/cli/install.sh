# An installation in a folder of its own: a program finds the library by pkg-config, links it both
# ways, and runs; the library shows public names only; the installed program finds its model.
flavour=$(basename "$(dirname "$BISE")")
case $flavour in
asan) extra=-fsanitize=address,undefined ;;
tsan) extra=-fsanitize=thread ;;
cov) extra=--coverage ;;
*) extra= ;;
esac
make -s B="$flavour" DESTDIR="$TMP" PREFIX=/opt/bise install >"$TMP/log" 2>&1 || cat "$TMP/log"
(cd "$TMP/opt/bise" && find . -type f -o -type l | sort)

export PKG_CONFIG_PATH="$TMP/opt/bise/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$TMP"
pkg-config --print-errors --validate bise
model=$TMP/opt/bise/share/bise/models/stories260K.gguf
${CC:-cc} $extra -o "$TMP/shared" examples/story.c $(pkg-config --cflags --libs bise) &&
    LD_LIBRARY_PATH=$TMP/opt/bise/lib "$TMP/shared" "$model" "Once upon a time"
${CC:-cc} $extra -o "$TMP/static" examples/story.c $(pkg-config --cflags bise) \
    -L"$TMP/opt/bise/lib" -Wl,-Bstatic -lbise -Wl,-Bdynamic $(pkg-config --static --libs bise |
        tr ' ' '\n' | sed '/-lbise/d') && "$TMP/static" "$model" "Once upon a time"
"$TMP/static" none.gguf x
echo "= $?"

# A question: to a model whose answer is known, and to one that has no prompt format.
mkdir "$TMP/model"
test/cli/tekken_json v13 "$TMP/model/tekken.json"
"$(dirname "$BISE")/scripted_model" "$TMP/model" \
    '[/INST][THINK]Let me see.[/THINK]I will look:[TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}</s>'
${CC:-cc} $extra -o "$TMP/chat" examples/chat.c $(pkg-config --cflags --libs bise) &&
    for model in "$TMP/model" "$model"; do
        LD_LIBRARY_PATH=$TMP/opt/bise/lib "$TMP/chat" "$model" 'Is it "warm"?'
        echo "= $?"
    done

# The header is C++ as well, and needs nothing else.
printf '#include <bise.h>\nint main(void) { return bise_version() == 0; }\n' >"$TMP/t.c"
for lang in 'c -std=c99' 'c++ -std=c++11'; do
    ${CC:-cc} -Wall -Wextra -Wpedantic -Werror -fsyntax-only -x $lang $(pkg-config --cflags bise) "$TMP/t.c"
done

# Names that the library shows.  Instrumented flavours add their own.
case $flavour in
release | debug)
    nm -D --defined-only "$TMP/opt/bise/lib/libbise.so.0" | awk '$3 !~ /^bise_/'
    nm -g --defined-only "$TMP/opt/bise/lib/libbise.a" | awk 'NF == 3 && $3 !~ /^bise_/'
    ;;
esac
nm -D --defined-only "$TMP/opt/bise/lib/libbise.so.0" | awk '$3 ~ /^bise_/ { print $3 }' | sort

"$TMP/opt/bise/bin/bise" run --max-tokens 8 "Once upon a time" 2>/dev/null
