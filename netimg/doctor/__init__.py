"""Is this installation fit to work? One item after another: ok, a note, or a failure.

In: settings. Out: `Item`, each with what was found and, where something is wrong, what to do.
Looks at the machine and at what ships with netimg, decodes a tiny frame of every transfer syntax,
and reads no patient. Mends nothing and opens no connection. Start reading at `examine`.
"""

from netimg.doctor.examine import examine
from netimg.doctor.item import Item, Status

__all__ = ["Item", "Status", "examine"]
