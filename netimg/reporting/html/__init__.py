"""``report.html``: one file, no request, complete without scripts.

In: a StudyResult and its pictures. Out: text. `page` renders; ``first_screen``, ``sections`` and
``origin`` say what stands where, as plain text; templates hold no sentence of their own.
"""
