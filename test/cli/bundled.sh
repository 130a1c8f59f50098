# The model that comes with the program: where it is looked for, and what is said without it.
BISE_MODELS=models try show | head -1
BISE_MODELS=$TMP try show | sed "s|$TMP|TMP|"
mkdir -p "$TMP/bin" "$TMP/share/bise/models"
cp "$BISE" "$TMP/bin/bise"
BISE=$TMP/bin/bise try show | sed "s|$TMP|TMP|"
cp models/stories260K.gguf "$TMP/share/bise/models"
BISE=$TMP/bin/bise try show | head -1 | sed "s|$TMP|TMP|"
