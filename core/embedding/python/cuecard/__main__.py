"""`python -m cuecard` is the program `cuecard`."""

from cuecard._program import main

main()
