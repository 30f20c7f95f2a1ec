"""What a model answers, and how texts are generated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cuecard._library import Error, error_of, library


@dataclass(frozen=True)
class Text:
    """A span of the input, a generated text, or a continuation."""

    text: str
    log_prob: float
    """NaN where the model gives none."""
    tokens: int = 0
    """That the log-probability is the sum of; 0 for a span."""


@dataclass(frozen=True)
class Answer:
    """The answer to a row: an error, a label, a label for each word, or texts."""

    card: str | None = None
    label: str | None = None
    """The predicted label; None where the prediction is not one label."""
    labels: list[str] = field(default_factory=list)
    """The predicted labels, of a card that gives any number of them."""
    scores: dict[str, float] = field(default_factory=dict)
    """The probability of each label of the card."""
    word_labels: list[str | None] = field(default_factory=list)
    """Of a card that labels words; None for a word that was cut off."""
    texts: list[Text] = field(default_factory=list)
    """Best first; of `score`, the continuations in their order."""
    cut: int = 0
    """Tokens of the row that truncation removed."""
    error: Error | None = None
    """Why the row could not be answered."""

    @property
    def text(self) -> str | None:
        """The best text."""
        return self.texts[0].text if self.texts else None


@dataclass(frozen=True)
class GenerateOptions:
    """How texts are generated. The defaults are greedy decoding."""

    max_tokens: int = 64
    min_tokens: int = 0
    beams: int = 1
    texts: int = 1
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    length_penalty: float = 1.0
    no_repeat_ngram: int = 0
    stop: Sequence[str] = ()
    seed: int = 0


def _decoded(text: bytes | None) -> str | None:
    return None if text is None else text.decode()


def answer_of(answers: int, row: int) -> Answer:
    """Of a cuecard_answers."""
    if error := library.cuecard_answer_error(answers, row):
        return Answer(error=error_of(error))
    names = [library.cuecard_answer_label_name(answers, row, i).decode() for i in range(library.cuecard_answer_label_count(answers, row))]
    words = [
        _decoded(library.cuecard_answer_word_label(answers, row, i))
        for i in range(library.cuecard_answer_word_count(answers, row))
    ]
    texts = [
        Text(
            library.cuecard_answer_text(answers, row, i).decode(),
            library.cuecard_answer_log_prob(answers, row, i),
            library.cuecard_answer_text_tokens(answers, row, i),
        )
        for i in range(library.cuecard_answer_text_count(answers, row))
    ]
    return Answer(
        card=_decoded(library.cuecard_answer_card(answers, row)),
        label=_decoded(library.cuecard_answer_label(answers, row)),
        labels=[name for i, name in enumerate(names) if library.cuecard_answer_has_label(answers, row, i)],
        scores={name: library.cuecard_answer_probability(answers, row, i) for i, name in enumerate(names)},
        word_labels=words,
        texts=texts,
        cut=library.cuecard_answer_cut(answers, row),
    )
