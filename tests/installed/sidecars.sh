# Each plugin's sidecar matches its manifest, and each library exports one symbol and has no run path.
for library in "$PLUGINS"/*.so; do
  cuecard-manifest "$library" >manifest.json
  cmp manifest.json "${library%.so}.json"
  symbols=$(nm -D --defined-only "$library" | awk '{ print $3 }')
  [ "$symbols" = cuecard_plugin ] || { echo "$library shows $symbols"; exit 1; }
  if readelf -d "$library" | grep -E 'RPATH|RUNPATH'; then echo "$library has a run path"; exit 1; fi
  readelf -d "$library" | grep -q NODELETE || { echo "$library could be unloaded"; exit 1; }
done
