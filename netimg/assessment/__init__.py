"""From Findings, Plans and clinical facts to verdicts with reasons.

In: Findings (with Facts), Plans, Settings. Out: an Assessment: one Verdict per rule and scope, in
the catalogue's order. Rules are data (``configs/criteria/<profile>.toml``); nothing here knows a
threshold. Nothing is imputed: what is missing, stale or doubtful is named, and a rule is decided
only where every possible value of it would give the same answer. Recommends nothing.
Start reading at `logic` and `grammar`; `judge` is where they meet a patient.
"""

from netimg.assessment.judge import assess

__all__ = ["assess"]
