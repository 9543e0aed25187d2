"""Many studies on one machine: worker processes, a status and a reason for every study.

In: folders or archives of studies, settings. Out: one result folder per study, ``summary.csv``,
``failed.csv`` and ``batch.json``. The unit of work is one study and is idempotent: a finished one
is known by its manifest and skipped. A bad study, or a worker that dies, costs that study only.
Start reading at `run`; `queue` finds the studies, `workers` keeps the processes.
"""

from netimg.batch.outcome import BatchResult, Outcome, State
from netimg.batch.row import Row
from netimg.batch.run import run_batch

__all__ = ["BatchResult", "Outcome", "Row", "State", "run_batch"]
