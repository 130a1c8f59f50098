# API keys: made once, listed without their secrets, revoked; wrong usage; stores that are none.
db=$TMP/deep/keys.db
mask() { sed "s|$TMP|TMP|g; s/bise_[0-9A-Za-z]\{40\}/KEY/g; s/[0-9]\{4\}-[0-9][0-9]-[0-9][0-9]/DATE/g; s/_at\":[0-9]*/_at\":TIME/g; s/$id/ID/g"; }
id=none

echo "== a store that is not there"
try keys list --store "$db" | mask
try keys revoke 0123abcd --store "$db" | mask
[ -e "$TMP/deep" ] && echo "it was made all the same"

echo "== made, listed, revoked"
try keys add --store "$db" --name "the page" --role infer,admin --rpm 60 --tpm 9000 --concurrent 2 >"$TMP/made"
key=$(head -1 "$TMP/made")
id=$(echo "$key" | cut -c6-13)
echo "${#key} characters"
mask <"$TMP/made"
stat -c %a "$db" "$TMP/deep"
cat "$db"* | grep -c "$key"
try keys list --store "$db" | mask
try keys list --store "sqlite:$db" --json | mask
try keys revoke "$id" --store "$db" | mask
try keys revoke "$id" --store "$db" | mask
try keys list --store "$db" | mask
try keys revoke "$key" --store "$db" | mask
try keys revoke 0123abcd --store "$db"

echo "== where it is when nobody says"
export HOME="$TMP/home"
unset XDG_DATA_HOME BISE_STORE
try keys add --json >"$TMP/made"
id=$(cut -c8-15 <"$TMP/made" | head -1)
mask <"$TMP/made"
(cd "$TMP/home" && find . -name '*.db')
XDG_DATA_HOME=$TMP/data try keys list | mask
BISE_STORE=$db try keys list --json | grep -c '"id"'

echo "== wrong usage"
try keys
try keys remove
try keys add more
try keys list more
try keys revoke
try keys add --role root
try keys add --role infer,
try keys add --role ''
try keys add --rpm 0
try keys add --name 12345678901234567890123456789012345678901234567890123456789012345
try keys add --name "$(printf 'a\nb')" --store "$db"

echo "== stores that are none"
try keys add --store ''
try keys add --store mysql://u:secret@host/db
try keys add --store "$TMP" | mask
printf 'no database, but a text that somebody has written and would like to keep' >"$TMP/text"
try keys list --store "$TMP/text" | mask
try keys list --store postgresql://u:secret@127.0.0.1:1/db | sed 's/store: .*; /store: WHY; /'
try keys list --store postgresql://u:sec@ret@127.0.0.1:1/db
if command -v sqlite3 >/dev/null; then
    sqlite3 "$db" "INSERT INTO schema_steps VALUES (4, 'later', 'x', 0)"
else
    echo "without sqlite3"
fi
try keys list --store "$db" | mask
