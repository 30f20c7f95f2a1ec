"""cuecard.h for Python: the structs, the functions, and errors as exceptions."""

from __future__ import annotations

import ctypes
import enum
import os
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_double, c_float, c_int, c_int32, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path

C_VERSION = 1


class ErrorKind(enum.IntEnum):
    """What went wrong, as cuecard_error_kind has it."""

    FAILED = 1
    WRONG_USE = 2
    WRONG_DATA = 3
    PLUGIN_FAILED = 4
    CANCELLED = 5
    TOO_LATE = 6
    QUEUE_FULL = 7


class Error(Exception):
    """One sentence: what was found, what was expected, what to do."""

    def __init__(self, text: str, kind: ErrorKind = ErrorKind.FAILED):
        super().__init__(text)
        self.kind = kind


class CText(ctypes.Structure):
    _fields_ = [("data", c_char_p), ("length", c_size_t)]


class CField(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("text", CText)]


class CList(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("texts", POINTER(CText)), ("count", c_size_t)]


class CRow(ctypes.Structure):
    _fields_ = [
        ("card", c_char_p),
        ("text", CText),
        ("fields", POINTER(CField)),
        ("field_count", c_size_t),
        ("lists", POINTER(CList)),
        ("list_count", c_size_t),
    ]


class CModelOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("device", c_char_p),
        ("dtype", c_char_p),
        ("threads", c_int32),
        ("plugin_paths", POINTER(c_char_p)),
        ("plugin_path_count", c_size_t),
        ("batch_rows", c_int64),
        ("batch_tokens", c_int64),
        ("max_waiting_rows", c_int64),
    ]


class CContinuations(ctypes.Structure):
    _fields_ = [("texts", POINTER(CText)), ("count", c_size_t)]


CFinished = CFUNCTYPE(None, c_void_p, c_void_p)
CToken = CFUNCTYPE(c_bool, c_void_p, c_size_t, c_char_p)
CUseName = CFUNCTYPE(None, c_void_p, c_char_p)
CSum = CFUNCTYPE(c_bool, c_void_p, POINTER(c_float), c_size_t, c_void_p, c_size_t)
CProgress = CFUNCTYPE(c_bool, c_void_p, c_int64, c_int64, c_double, c_double)
CLine = CFUNCTYPE(None, c_void_p, c_char_p)


class CTrainOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("rank", c_int32),
        ("ranks", c_int32),
        ("sum", CSum),
        ("progress", CProgress),
        ("message", CLine),
        ("result", CLine),
        ("user", c_void_p),
    ]



class CRequestOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("deadline", c_double), ("finished", CFinished), ("token", CToken), ("user", c_void_p)]


class CGenerateOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("max_tokens", c_int64),
        ("min_tokens", c_int64),
        ("beams", c_int64),
        ("texts", c_int64),
        ("temperature", c_double),
        ("top_k", c_int64),
        ("top_p", c_double),
        ("min_p", c_double),
        ("repetition_penalty", c_double),
        ("length_penalty", c_double),
        ("no_repeat_ngram", c_int64),
        ("stop", POINTER(c_char_p)),
        ("stop_count", c_size_t),
        ("seed", c_uint64),
    ]


class CCounters(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("rows_waiting", c_int64),
        ("rows_answered", c_int64),
        ("rows_failed", c_int64),
        ("forward_passes", c_int64),
        ("tokens_forwarded", c_int64),
        ("tokens_from_cache", c_int64),
    ]


def prefix() -> Path:
    """The folder with bin/cuecard and lib/libcuecard.so: CUECARD_PREFIX, or the one that this package was installed in."""
    if given := os.environ.get("CUECARD_PREFIX"):
        return Path(given)
    here = Path(__file__).resolve().parent
    return here / "prefix" if (here / "prefix").is_dir() else here.parents[2]  # in a wheel; in PREFIX/lib/python/cuecard


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """Argument and result types of every function."""
    answers, error, model, request = c_void_p, c_void_p, c_void_p, c_void_p
    of_row = [answers, c_size_t]
    of_item = [answers, c_size_t, c_size_t]
    rows = [model, POINTER(CRow), c_size_t]
    types = {
        "c_version": (c_int32, []),
        "version": (c_char_p, []),
        "error_text": (c_char_p, [error]),
        "error_kind_of": (c_int, [error]),
        "error_free": (None, [error]),
        "open": (error, [c_char_p, POINTER(CModelOptions), POINTER(model)]),
        "close": (None, [model]),
        "load_card": (error, [model, c_char_p, c_char_p]),
        "drop_card": (error, [model, c_char_p]),
        "for_each_card": (None, [model, CUseName, c_void_p]),
        "for_each_warning": (None, [model, CUseName, c_void_p]),
        "read_counters": (None, [model, POINTER(CCounters)]),
        "submit": (error, [*rows, POINTER(CRequestOptions), POINTER(request)]),
        "submit_generate": (error, [*rows, POINTER(CGenerateOptions), POINTER(CRequestOptions), POINTER(request)]),
        "submit_score": (error, [model, POINTER(CRow), POINTER(CContinuations), c_size_t, POINTER(CRequestOptions), POINTER(request)]),
        "wait": (c_bool, [request, c_double]),
        "cancel": (None, [request]),
        "take_answers": (error, [request, POINTER(answers)]),
        "request_free": (None, [request]),
        "answer_count": (c_size_t, [answers]),
        "answer_error": (error, of_row),
        "answer_card": (c_char_p, of_row),
        "answer_label": (c_char_p, of_row),
        "answer_label_count": (c_size_t, of_row),
        "answer_label_name": (c_char_p, of_item),
        "answer_probability": (c_double, of_item),
        "answer_has_label": (c_bool, of_item),
        "answer_cut": (c_int64, of_row),
        "answer_word_count": (c_size_t, of_row),
        "answer_word_label": (c_char_p, of_item),
        "answer_text_count": (c_size_t, of_row),
        "answer_text": (c_char_p, of_item),
        "answer_log_prob": (c_double, of_item),
        "answer_text_tokens": (c_size_t, of_item),
        "answers_free": (None, [answers]),
        "train": (error, [POINTER(c_char_p), c_size_t, POINTER(CTrainOptions)]),
    }
    for name, (result, arguments) in types.items():
        function = getattr(library, "cuecard_" + name)
        function.restype, function.argtypes = result, arguments
    return library


def _opened() -> ctypes.CDLL:
    path = prefix() / "lib" / "libcuecard.so"
    try:
        library = ctypes.CDLL(str(path))
    except OSError as reason:
        raise ImportError(
            f"{path}: can't load the library of cuecard ({reason}); install the package anew, or set CUECARD_PREFIX to the folder "
            "that cuecard was installed in."
        ) from None
    found = _declared(library).cuecard_c_version()
    if found != C_VERSION:
        raise ImportError(f"{path}: its C interface has version {found}; this module needs version {C_VERSION}.")
    return library


library = _opened()


def encoded(text: str, what: str) -> bytes:
    """A text for C, which ends at the first NUL."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is {text!r}; expected a text.")
    if "\0" in text:
        raise ValueError(f"{what} contains a NUL character.")
    return text.encode()


def path_of(path: str | os.PathLike, what: str) -> bytes:
    """A path for C."""
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{what} is {path!r}; expected a path.")
    return encoded(os.fspath(path), what)


def version() -> str:
    """The version of the package."""
    return library.cuecard_version().decode()


def error_of(error: int) -> Error:
    """A cuecard_error as an exception."""
    return Error(library.cuecard_error_text(error).decode(), ErrorKind(library.cuecard_error_kind_of(error)))


def check(error: int | None) -> None:
    """Raises a cuecard_error that a function returned, and frees it."""
    if error:
        exception = error_of(error)
        library.cuecard_error_free(error)
        raise exception
