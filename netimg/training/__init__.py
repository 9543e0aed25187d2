"""From labelled CTs to the weights in ``models/``; beside the river, never part of a run."""
