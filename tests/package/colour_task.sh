# Sourced: writes a synthetic task for a small model, rows.tsv and task.json. The label is the colour word in the text.
for word in apple pear plum grape; do
  printf 'I saw a red %s\tred\nI saw a blue %s\tblue\n' $word $word
done >rows.tsv
cat >task.json <<'JSON'
{
  "data": { "train": "rows.tsv", "test": "rows.tsv", "header": false, "fields": { "text": 1 }, "label": 2 },
  "labels": [{ "name": "red", "words": ["love"] }, { "name": "blue", "words": ["leave"] }],
  "template": "{text}:{\"mask\"}"
}
JSON
