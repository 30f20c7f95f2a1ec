"""`python -m cuecard` is the program `cuecard`; `torchrun -m cuecard train` trains with several processes."""

import sys

from cuecard import _ranks
from cuecard._program import main

if _ranks.started(sys.argv[1:]):
    sys.exit(_ranks.main(sys.argv[1:]))
main()
