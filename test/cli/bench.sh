# The table's form, with numbers masked; and that the JSON holds the figures it should.
try bench --repeat 2 --prompt 16 --generate 4 --threads 1 --cpu c |
    sed -E 's/^.*stories260K/stories260K/; s/[0-9]+\.[0-9]+/N/g; s/ +/ /g; s/at .*B\/s/at N\/s/; s/reads .*B/reads N/; s/, which.*|: .*of that limit//'
"$BISE" bench --repeat 1 --prompt 8 --generate 4 --depth 8 --json | tr ',{}' '\n\n\n' |
    sed -n 's/^"\([a-z_]*\)":.*/\1/p'
try bench --prompt 0
try bench --depth 100000000
try bench none.gguf
