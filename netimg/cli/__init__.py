"""Words on a terminal: parse, call, print; no logic.

In: what a person typed. Out: the result on stdout, everything else on stderr, an exit status.
Each command is one module and imports its room inside the function, so that ``netimg --help``
stays quick. Start reading at `app`.
"""
