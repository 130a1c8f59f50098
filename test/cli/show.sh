# What a model is.  The machine's own memory differs, so that number is masked.
mask() { sed -E 's/has [0-9.]+ [kMGT]?B|has [0-9]+ bytes/has MEMORY/; s/"available":[0-9]+/"available":N/'; }
show() { try show "$@" | mask; }
show models/stories260K.gguf --check-tensors
show models/stories260K.gguf --context 100 --json
show test/data/oracle/ministral-swa-mix
show test/data/oracle/devstral2-yarnmag
show test/data/oracle/mistral3-wrapper
show test/data/stories260K/stories260K-q4_0.gguf
try show models/stories260K.gguf --context 100000
try show none/such/model
try show test/data
try show test/data/stories260K/tok512.model
