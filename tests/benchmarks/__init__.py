"""Times and peak memory, printed and never asserted: ``make bench``.

Each module here has a ``main()`` that prints its own lines.
"""
