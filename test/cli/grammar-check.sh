# What a schema, a grammar and a regular expression accept.
cat >"$TMP/s.json" <<'END'
{"type": "object", "properties": {"city": {"type": "string", "minLength": 1},
 "days": {"type": "integer", "minimum": 1, "maximum": 14}}, "required": ["city"]}
END
printf '%s\n' '{"city": "Paris"}' '{"days": 3, "city": "Rome", "x": null}' '{"city": ""}' \
    '{"city":"Oslo","days":15}' '{"city":  "Bern"}' 'null' '' '{"city": "A"} ' >"$TMP/in"
try grammar-check "$TMP/s.json" <"$TMP/in"
try grammar-check --generate "$TMP/s.json" <"$TMP/in"
printf '%s\n' '{"properties": {"a": {"pattern": "(a)\\1"}}}' >"$TMP/refused.json"
printf '1\n2\n' | try grammar-check "$TMP/refused.json"
echo false >"$TMP/false.json"
echo 1 | try grammar-check "$TMP/false.json"
echo '{' >"$TMP/broken.json"
echo 1 | try grammar-check "$TMP/broken.json" 2>&1 | sed "s|$TMP/||"
printf 'root ::= "a" root "b" | ""\n' >"$TMP/g.gbnf"
printf 'ab\naabb\naab\n' | try grammar-check --as gbnf "$TMP/g.gbnf"
printf '[a-c]+\n' >"$TMP/r"
printf 'abc\nabd\n' | try grammar-check --as regex "$TMP/r"
try grammar-check
try grammar-check "$TMP/none.json" 2>&1 | sed "s|$TMP/||"
