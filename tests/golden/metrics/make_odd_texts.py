"""Makes odd_texts.json: texts with characters of all of Unicode, and what sacreBLEU, rouge-score and SQuAD's script make of them.
compare_metrics.py compares many more.

    python tests/golden/metrics/make_odd_texts.py
"""

import json
from pathlib import Path

from compare_metrics import examples, expected

HERE = Path(__file__).resolve().parent
PRICE = "prix : 10\u00a0000 euros en tout"
CHOSEN = [
    {"texts": [PRICE], "references": [[PRICE.replace("\u00a0", " ")]]},
    {"texts": ["a\u3000b\u2003c\u2028d\x1ce\u0085f"], "references": [["a b c d e f"]]},
    {"texts": ["a b\u200bc\u180ed\ufeffe f"], "references": [["a b c d e f"]]},
    {"texts": ["\u00a0yes\u3000", "no\u200b", "so-\n"], "references": [["yes"], ["no"], ["so-"]]},
    {"texts": ["THE \u039f\u0394\u039f\u03a3 \u0130stanbul \u212aelvin", "Stra\u00dfe \u01c5"], "references": [["\u03bf\u03b4\u03bf\u03c2 i\u0307stanbul kelvin"], ["STRASSE \u01c6"]]},
    {"texts": ["the\u2014film", "a\u0301 b", "an\u00bd", "la the\u3002x", "a\u00b7the"], "references": [["\u2014film"], ["\u0301 b"], ["\u00bd"], ["la \u3002x"], ["\u00b7"]]},
    {"texts": ["\u043f\u0440\u0438\u0432\u0435\u0442 world 1", "\u65e5\u672c\u8a9e"], "references": [["\u043f\u0440\u0438\u0432\u0435\u0442 world 2"], ["\u65e5\u672c\u8a9e"]]},
]


def main():
    rows = [request | {"values": expected(request)} for request in [*CHOSEN, *examples(5, 60)]]
    (HERE / "odd_texts.json").write_text(json.dumps(rows, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
