# Wrong usage: one line that says what was expected, and exit code 2.
try fly
try run --top-p x
try run --top-p 0
try run --top-p 1.5
try run --top-p nan
try run --top-p 1e-60
try run --top-p=
try run --temperature -1
try run --top-k -1
try run --top-k 4294967296
try run --seed 18446744073709551616
try run --threads 0
try run --threads 0x10
try run --cpu mmx
try run --stop ''
try run --stop "$(printf '%0257d' 0)"
try run --presence-penalty 2.5
try run --stats=1
try run --max-tokens
try run --sturdy
try run -x
try run a b c
try show a b
try merge a b c
try version 1
try logits --out x
try logits --tokens 1
try tokenize --keep-special
set --
while [ $# -lt 34 ]; do set -- "$@" --stop x; done
try run "$@"

# Control characters, also those beyond ASCII, do not reach a terminal.
try "$(printf '\302\233\03331m')"
