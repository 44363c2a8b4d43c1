"""A ranking is not measured where no residue, or every residue, has the label."""

import numpy as np

from attlas.pipeline.fitting.ranking import measure_auroc, measure_average_precision, rank


def test_nothing_is_measured_where_no_residue_or_every_residue_has_the_label() -> None:
    scores = np.arange(4.0)
    assert np.isnan(measure_average_precision(rank(scores, np.zeros(4, bool))))
    assert np.isnan(measure_auroc(rank(scores, np.ones(4, bool))))
