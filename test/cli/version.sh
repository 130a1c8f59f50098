# Every line is there, whatever the machine.
try version | sed -E 's/^bise [0-9]+\.[0-9]+\.[0-9]+$/bise VERSION/; s/^(commit +)([0-9a-f]{12}|unknown)$/\1COMMIT/
    s/^(compiler +)(gcc|.*[Cc]lang)[^0-9]* [0-9].*/\1COMPILER/; s/^((processors|cores|nodes|threads) +)[0-9]+$/\1N/; s/^(quota +)([0-9]+|none)$/\1N/; s/^(cpu .{8})(none|avx2|avx2, avx512|avx2, avx512, amx)$/\1FEATURES/'
"$BISE" --version | head -1 | cut -d ' ' -f 1
