"""A frozen model in memory and its cards."""

from __future__ import annotations

import ctypes
import os
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from ctypes import byref, c_char_p, c_void_p, sizeof
from typing import Any

from cuecard._answer import Answer, GenerateOptions, answer_of
from cuecard._library import (
    CContinuations,
    CCounters,
    CField,
    CFinished,
    CGenerateOptions,
    CList,
    CModelOptions,
    CRequestOptions,
    CRow,
    CText,
    CToken,
    CUseName,
    Error,
    ErrorKind,
    check,
    encoded,
    library,
    path_of,
)
from cuecard._progress import bar

Row = str | Mapping[str, Any]
Rows = Row | Iterable[Row] | Mapping[str, Sequence[Any]]

_rows_at_a_time = 256
"""Between two updates of a progress bar."""

_callback = threading.local()
"""`model`: the model whose thread this is, while it calls back."""


def _text(text: str, kept: list) -> CText:
    # A half of a surrogate pair has no UTF-8: U+FFFD, as where the program reads files.
    data = re.sub("[\ud800-\udfff]", "\ufffd", text).encode()
    kept.append(data)
    return CText(data, len(data))


def _row(row: Row, card: str | None, kept: list) -> CRow:
    """`kept` holds what the struct refers to."""
    c_card = encoded(card, "the name of the card") if card is not None else None
    if isinstance(row, str):
        return CRow(c_card, _text(row, kept))
    if not isinstance(row, Mapping):
        raise TypeError(f"a row is {row!r}; expected a text or a mapping of columns.")
    fields, lists = [], []
    for name, value in row.items():
        value = _plain(value)  # arrays are in frames that were read from Parquet
        if name == "card" and isinstance(value, str):
            c_card = encoded(value, "the name of the card")
        elif isinstance(value, str):
            fields.append(CField(encoded(str(name), "the name of a column"), _text(value, kept)))
        elif isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value):
            texts = (CText * len(value))(*(_text(text, kept) for text in value))
            lists.append(CList(encoded(str(name), "the name of a column"), texts, len(value)))
            kept.append(texts)
        # Numbers and the like are ids and gold labels of frames; where a card needs such a column, its answer says that it is missing.
    c_fields, c_lists = (CField * len(fields))(*fields), (CList * len(lists))(*lists)
    kept += [c_fields, c_lists]
    return CRow(c_card, CText(None, 0), c_fields, len(fields), c_lists, len(lists))


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value  # arrays of numpy, series of pandas


def _of_columns(columns: Mapping[str, Any]) -> list[Row] | None:
    """The rows of a mapping whose values are all lists, as pandas and `datasets` have columns; None for another mapping, a single row."""
    lists = {name: _plain(value) for name, value in columns.items()}
    if not lists or not all(isinstance(value, (list, tuple)) for value in lists.values()):
        return None
    lengths = {name: len(value) for name, value in lists.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        raise ValueError(f"a mapping of lists is taken for columns, and these differ in length: {found}; put a single row of lists into a list.")
    return [dict(zip(lists, values)) for values in zip(*lists.values())]


def _records(rows: Rows) -> list[Row]:
    """One row, an iterable of rows (a list, a `datasets.Dataset`), columns by name, or a pandas frame."""
    if isinstance(rows, Mapping):
        of_columns = _of_columns(rows)
        return [rows] if of_columns is None else of_columns
    if isinstance(rows, str):
        return [rows]
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):
        return rows.to_dict("records")
    return list(rows)


class Model:
    """A frozen model. May be used from several threads; rows of all threads and cards share forward passes.

    `path`: a folder in the Hugging Face layout or a GGUF file. `cards`: paths, or paths by the name to load them under. `threads`:
    processor threads that run the model (0: LibTorch's default). `device`, `dtype`: as the program's `--device` and `--dtype`.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        cards: Iterable[str | os.PathLike] | Mapping[str, str | os.PathLike] = (),
        *,
        device: str = "cpu",
        dtype: str = "float32",
        threads: int = 0,
        plugin_paths: Sequence[str | os.PathLike] = (),
        batch_rows: int = 0,
        batch_tokens: int = 0,
        max_waiting_rows: int = 0,
    ):
        self._model: int | None = None
        self._process = os.getpid()
        if isinstance(cards, (str, os.PathLike)) or isinstance(plugin_paths, (str, os.PathLike)):
            raise TypeError("cards and plugin_paths are lists of paths; put a single one into a list.")
        folders = (c_char_p * len(plugin_paths))(*(path_of(folder, "a folder of plugins") for folder in plugin_paths))
        options = CModelOptions(
            sizeof(CModelOptions), encoded(device, "device"), encoded(dtype, "dtype"), threads, folders, len(plugin_paths), batch_rows, batch_tokens,
            max_waiting_rows,
        )  # fmt: skip
        opened = c_void_p()
        check(library.cuecard_open(path_of(path, "the model"), byref(options), byref(opened)))
        self._model = opened.value
        named = cards.items() if isinstance(cards, Mapping) else ((None, card) for card in cards)
        for name, card in named:
            before = self.cards
            self.load_card(card, name)
            if name is None and self.cards == before:
                self.close()
                raise Error(f"several cards are named as {os.fspath(card)} is; give them names, as in {{\"name\": path}}.", ErrorKind.WRONG_USE)

    def close(self) -> None:
        """Frees the model; rows that wait are answered with an error. No other thread may use it any more."""
        if self._model:
            library.cuecard_close(self._open())
            self._model = None

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_model", None) and self._process == os.getpid():
            library.cuecard_close(self._model)

    def __reduce__(self) -> Any:
        raise TypeError("a cuecard.Model can't be copied or pickled; open another one.")

    def _open(self) -> int:
        if not self._model:
            raise Error("the model was closed.")
        if self._process != os.getpid():
            raise Error("the model belongs to the process that this one was forked from; open it here.", ErrorKind.WRONG_USE)
        if getattr(_callback, "model", None) is self:
            raise Error("a callback runs on the model's thread and can't use the model; use it from another thread.", ErrorKind.WRONG_USE)
        return self._model

    def load_card(self, path: str | os.PathLike, name: str | None = None) -> None:
        """Loads a card under `name`, or its own name. It replaces a card of that name between two passes."""
        c_name = encoded(name, "the name of the card") if name is not None else None
        check(library.cuecard_load_card(self._open(), path_of(path, "the card"), c_name))

    def drop_card(self, name: str) -> None:
        check(library.cuecard_drop_card(self._open(), encoded(name, "the name of the card")))

    @property
    def cards(self) -> list[str]:
        names: list[str] = []
        library.cuecard_for_each_card(self._open(), CUseName(lambda _, name: names.append(name.decode())), None)
        return names

    @property
    def warnings(self) -> list[str]:
        """What was left out or read in another way than the model's files say, and plugins that can't be used."""
        sentences: list[str] = []
        library.cuecard_for_each_warning(self._open(), CUseName(lambda _, text: sentences.append(text.decode())), None)
        return sentences

    @property
    def counters(self) -> dict[str, int]:
        """Rows, forward passes and tokens since the model was opened."""
        counters = CCounters(sizeof(CCounters))
        library.cuecard_read_counters(self._open(), byref(counters))
        return {name: getattr(counters, name) for name, _ in CCounters._fields_ if name != "size"}

    def predict(
        self, rows: Rows, *, card: str | None = None, deadline: float = 0, progress: bool | None = False
    ) -> list[Answer]:
        """One answer per row, in order.

        A row is a text, for a template with one field, or a mapping of columns: texts, lists of texts, and `card`, the card that it
        goes to; columns of numbers and the like are left out. `rows` may be one row, any iterable of rows (a list, a `datasets.Dataset`),
        a pandas frame, or a mapping of lists that are all columns (`{"text": [...], "label": [...]}`); a single row that has lists only is
        put into a list. `card` is for rows that name none. `deadline`: seconds within which a row must begin to run; 0: no limit.
        `progress`: a bar by tqdm, if that is installed; None: on a terminal. A row that can't be answered has an `error`.
        """
        records = _records(rows)
        if progress is False:
            return self._answers(records, card, deadline, self._submit_rows)
        answers: list[Answer] = []
        shown = bar(len(records), "predict", "row", progress)
        for begin in range(0, len(records), _rows_at_a_time):
            answers += self._answers(records[begin : begin + _rows_at_a_time], card, deadline, self._submit_rows)
            shown.update(len(answers) - begin)
        shown.close()
        return answers

    def score(
        self,
        rows: Rows,
        continuations: Sequence[str] | Sequence[Sequence[str]],
        *,
        card: str | None = None,
        deadline: float = 0,
    ) -> list[Answer]:
        """The log-probability of given texts after the prompts of the rows, whatever their cards predict: `Answer.texts`.

        `continuations`: a list of texts for each row, or one list of texts for all of them.
        """
        records = _records(rows)
        if isinstance(continuations, str):
            raise TypeError("continuations are lists of texts; put a single text into a list.")
        texts = list(continuations)
        if all(isinstance(each, str) for each in texts):
            texts = [texts] * len(records)
        if len(texts) != len(records):
            raise ValueError(f"{len(texts)} lists of continuations are given for {len(records)} rows; give one for each row.")

        def submit(rows: Any, count: int, options: CRequestOptions, request: c_void_p, kept: list) -> int | None:
            lists = (CContinuations * count)()
            for at, each in enumerate(texts):
                c_texts = (CText * len(each))(*(_text(text, kept) for text in each))
                kept.append(c_texts)
                lists[at] = CContinuations(c_texts, len(each))
            return library.cuecard_submit_score(self._open(), rows, lists, count, byref(options), byref(request))

        return self._answers(records, card, deadline, submit)

    def generate(
        self,
        rows: Rows,
        options: GenerateOptions = GenerateOptions(),
        *,
        card: str | None = None,
        deadline: float = 0,
        on_text: Callable[[int, str], bool | None] | None = None,
    ) -> list[Answer]:
        """Texts that continue the prompts of the rows, in `Answer.texts`.

        `on_text(row, text so far)` is called whenever a token was added, on the model's thread, so it must not use the model; False
        cancels the request.
        """
        if not isinstance(options, GenerateOptions) or isinstance(options.stop, str):
            raise TypeError("options are cuecard.GenerateOptions, and stop is a list of texts.")
        if not 0 <= options.seed < 2**64:
            raise ValueError(f"the seed is {options.seed}; expected a whole number from 0 to 2**64 - 1.")
        raised: list[BaseException] = []

        def token(_: int, row: int, text: bytes) -> bool:
            _callback.model = self
            try:
                assert on_text
                return on_text(row, text.decode()) is not False
            except BaseException as exception:  # it can't cross the library
                raised.append(exception)
                return False
            finally:
                _callback.model = None

        def submit(rows: Any, count: int, c_options: CRequestOptions, request: c_void_p, kept: list) -> int | None:
            stop = (c_char_p * len(options.stop))(*(encoded(text, "a stop text") for text in options.stop))
            generate = CGenerateOptions(
                sizeof(CGenerateOptions), options.max_tokens, options.min_tokens, options.beams, options.texts, options.temperature,
                options.top_k, options.top_p, options.min_p, options.repetition_penalty, options.length_penalty,
                options.no_repeat_ngram, stop, len(options.stop), options.seed,
            )  # fmt: skip
            if on_text:
                c_options.token = CToken(token)
                kept.append(c_options.token)
            return library.cuecard_submit_generate(self._open(), rows, count, byref(generate), byref(c_options), byref(request))

        answers = self._answers(_records(rows), card, deadline, submit)
        if raised:
            raise raised[0]
        return answers

    def _submit_rows(self, rows: Any, count: int, options: CRequestOptions, request: c_void_p, _: list) -> int | None:
        return library.cuecard_submit(self._open(), rows, count, byref(options), byref(request))

    def _answers(self, records: list[Row], card: str | None, deadline: float, submit: Callable[..., int | None]) -> list[Answer]:
        """`submit(rows, count, options, request, kept)` returns an error; `kept` is kept until the request is answered."""
        kept: list = []
        c_rows = (CRow * len(records))(*(_row(row, card, kept) for row in records))
        options = CRequestOptions(sizeof(CRequestOptions), deadline, CFinished(), CToken())
        request, answers = c_void_p(), c_void_p()
        check(submit(c_rows, len(records), options, request, kept))
        try:
            while not library.cuecard_wait(request, 0.1):  # so that Ctrl-C reaches Python
                pass
            check(library.cuecard_take_answers(request, byref(answers)))
        finally:
            library.cuecard_request_free(request)
        try:
            return [answer_of(answers.value, row) for row in range(library.cuecard_answer_count(answers))]
        finally:
            library.cuecard_answers_free(answers)


assert ctypes.sizeof(c_void_p) == 8, "cuecard is built for 64-bit systems"
