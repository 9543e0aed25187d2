"""From labelled CTs to the weights in ``models/``; beside the river, never part of a run.

In: a config of ``configs/training`` and the labelled CTs. Out: a folder of a run with checkpoints,
and from three runs a model (`netimg.training.card_out`). A run is a pure function of its config:
sample ``i`` depends on the seed and ``i`` alone, so it can stop and go on anywhere.
Labels are brought to one convention and split by patient (`items`), never used for figures of the
patients held out. Start reading at `start`; the longest story is `recorded`.
"""

from netimg.training.start import check_data, prepare, train

__all__ = ["check_data", "prepare", "train"]
