"""Cuecard: answers of cards on one frozen language model.

    import cuecard

    model = cuecard.Model("smollm2.gguf", cards=["sentiment.card"])
    for answer in model.predict(["A warm and funny film.", "Two hours of my life."]):
        print(answer.label, answer.scores)

`Model` wraps the C interface of the library (cuecard.h). It is thread-safe, and rows from several threads share forward passes.
`train` trains a card in this process, `compare` runs the program `cuecard`, which is also on the path. Errors are `cuecard.Error`, with the
program's sentence.
"""

from cuecard._answer import Answer, GenerateOptions, Text
from cuecard._library import Error, ErrorKind, prefix, version
from cuecard._model import Model
from cuecard._program import compare, program, train

__all__ = ["Answer", "Error", "ErrorKind", "GenerateOptions", "Model", "Text", "compare", "prefix", "program", "train", "version"]
__version__ = version()
