# What a model is.  The machine's own memory differs, so that number is masked.
mask() { sed -E 's/has [0-9.]+ [kMGT]?B|has [0-9]+ bytes/has MEMORY/; s/"available":[0-9]+/"available":N/'; }
show() { try show "$@" | mask; }
show models/stories260K.gguf --check-tensors
show models/stories260K.gguf --context 100 --json
show models/stories260K.gguf --context 1 | grep '^memory'
show test/data/oracle/ministral-swa-mix
show test/data/oracle/devstral2-yarnmag
show test/data/oracle/mistral3-wrapper
show test/data/oracle/mixtral
show test/data/oracle/large3-fp8block --context 64
show test/data/oracle/large3-fp8block --context 64 --json
show test/data/oracle-gguf/mistral4-bf16 --check-tensors | grep -E '^(arch|param|formats|layers|experts|att| |numbers|each)'
show test/data/layouts/latent-nvfp4 | grep -A 10 '^formats'
show test/data/stories260K/stories260K-q4_0.gguf
show models/stories260K.gguf --context 100000 | tail -4
try show none/such/model
# What run refuses, show does not promise.
for model in models/stories260K.gguf test/data/oracle/mistral4; do
    try show $model --kv-q8
    try logits $model --kv-q8 --tokens 1 --out -
done
try show test/data
try show test/data/stories260K/tok512.model

# Of a folder with both layouts the native one is read; links to the other's files choose that.
mkdir "$TMP/hf"
ln test/data/oracle/mistral-sharded/config.json test/data/oracle/mistral-sharded/model*.safetensors* \
    "$TMP/hf" 2>/dev/null || cp test/data/oracle/mistral-sharded/config.json \
    test/data/oracle/mistral-sharded/model*.safetensors* "$TMP/hf" # another disk
for folder in test/data/oracle/mistral-sharded "$TMP/hf"; do show "$folder" | grep '^layout'; done

# One file of a model, an adapter's without the other, and what is no file of a model at all.
oracle=test/data/oracle
try show $oracle/mistral-lora/model.safetensors
try show $oracle/mistral-lora/consolidated.safetensors
try show $oracle/mistral-sharded/model-00001-of-00002.safetensors
try show $oracle/mistral-lora/config.json
try show $oracle/mistral-lora/lora.safetensors
mkdir "$TMP/peft" "$TMP/lfs"
cp $oracle/mistral-lora/peft/adapter_model.safetensors "$TMP/peft"
try show "$TMP/peft" 2>&1 | sed "s|$TMP|TMP|"
cp $oracle/mistral-lora/config.json "$TMP/lfs"
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%064d\nsize 12345\n' 7 \
    >"$TMP/lfs/model.safetensors"
printf '<!DOCTYPE html>\n<html><body>Sign in</body></html>\n' >"$TMP/page.gguf"
try show "$TMP/lfs" | sed "s|$TMP|TMP|"
try show "$TMP/page.gguf" | sed "s|$TMP|TMP|"
cp "$TMP/page.gguf" "$TMP/lfs/config.json"
try show "$TMP/lfs" | sed "s|$TMP|TMP|"
mkdir "$TMP/page"
cp $oracle/ministral-swa-mix/params.json $oracle/ministral-swa-mix/consolidated.safetensors "$TMP/page"
for name in tokenizer.model tekken.json; do
    cp "$TMP/page.gguf" "$TMP/page/$name"
    try run "$TMP/page" Once | sed "s|$TMP|TMP|"
done
echo '{"hidden_size": 64}' >"$TMP/lfs/config.json"
try show "$TMP/lfs" | sed "s|$TMP|TMP|"

# Tokenizers alone: their prompts, and the one that is taken of several.
data=test/data/tokenizers
show $data/tokenizer.model.v1
show --json $data/mistral_instruct_tokenizer_240323.model.v3
for generation in v3-image v15-image v7-audio; do
    test/cli/tekken_json $generation "$TMP/$generation.json"
    show "$TMP/$generation.json"
done
mkdir "$TMP/several"
cp $data/tokenizer.model.v1 "$TMP/several/tokenizer.model"
cp $data/mistral_instruct_tokenizer_240323.model.v3 "$TMP/several"
show "$TMP/several" | sed "s|$TMP|TMP|"
"$(dirname "$BISE")/scripted_model" "$TMP/several" '[/INST]Yes</s>'
show "$TMP/several" | grep -A 1 '^tokenizer'

# A model far too large for any machine here, in a file with a hole: it is described, not run.
mkdir "$TMP/big"
cd "$TMP/big" || exit 1
echo '{"dim": 65536, "n_layers": 1, "head_dim": 128, "n_heads": 512, "n_kv_heads": 8,
    "hidden_dim": 1048576, "vocab_size": 2097152, "norm_eps": 1e-5, "rope_theta": 1e6,
    "max_position_embeddings": 4096}' >params.json
at=0
tensors=
add() {
    end=$((at + $2 * ${3:-1} * 2))
    tensors="$tensors${tensors:+,}\"$1\":{\"dtype\":\"BF16\",\"shape\":[$2${3:+,$3}],\"data_offsets\":[$at,$end]}"
    at=$end
}
add tok_embeddings.weight 2097152 65536
add output.weight 2097152 65536
add norm.weight 65536
add layers.0.attention_norm.weight 65536
add layers.0.ffn_norm.weight 65536
add layers.0.attention.wq.weight 65536 65536
add layers.0.attention.wk.weight 1024 65536
add layers.0.attention.wv.weight 1024 65536
add layers.0.attention.wo.weight 65536 65536
add layers.0.feed_forward.w1.weight 1048576 65536
add layers.0.feed_forward.w3.weight 1048576 65536
add layers.0.feed_forward.w2.weight 65536 1048576
n=$((${#tensors} + 2))
{
    printf "\\$(printf %o $((n % 256)))\\$(printf %o $((n / 256)))\0\0\0\0\0\0"
    printf '{%s}' "$tensors"
} >consolidated.safetensors
truncate -s $((at + n + 8)) consolidated.safetensors
show .
