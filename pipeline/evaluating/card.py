"""The model card of candidate sites: data, folds, and calibration and precision on families held out. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from attlas.intake.text import counted
from attlas.pipeline.evaluating.calibration import SLOPES
from attlas.pipeline.evaluating.choosing import ChosenPredictor
from attlas.pipeline.evaluating.evaluation import LabelledAtlas
from attlas.pipeline.evaluating.folds import N_FOLDS
from attlas.pipeline.evaluating.models import describe_model
from attlas.pipeline.evaluating.others import OtherProteins
from attlas.pipeline.evaluating.scoring import LabelledSet
from attlas.pipeline.relatives.clusters import FAMILY_IDENTITY, describe_method
from attlas.schema.prediction_tables import PREDICTION_EVIDENCE, PREDICTION_SENTENCE


def make_card(
    atlas: LabelledAtlas,
    labelled: LabelledSet,
    choice: ChosenPredictor,
    others: OtherProteins,
    *,
    type: str,
    seed: int,
) -> dict[str, Any]:
    """Return the model card, as what `json` writes.

    `calibration` is of probabilities as they are printed, `slope_before` of the model without its calibration line.
    """
    return {
        # What is predicted, and by which model.
        "says": PREDICTION_SENTENCE,
        "evidence_code": PREDICTION_EVIDENCE,
        "type": type,
        "model": describe_model(atlas.run),
        "weights_sha256": atlas.run.weights_sha256,
        # What the predictor was fitted on.
        "truth": atlas.path.name,
        "truth_sha256": atlas.truth.sha256,
        "n_proteins": len(labelled),
        "n_labelled": sum(len(protein.positions) for protein in labelled.proteins),
        "families": f"{len(set(labelled.groups)):,} clusters: {describe_method(FAMILY_IDENTITY)}",
        "folds": f"{N_FOLDS}, each of whole clusters, seed {seed}",
        # What it is applied to.
        "n_ranked": len(others.proteins),
        "n_left_out_of_truth": others.n_rejected,
        "n_with_feature": others.n_annotated,
        # The predictor, as it does on families held out.
        "predictor": choice.predictor.name,
        "chosen_in_folds": list(choice.chosen_in_folds),
        "average_precision": choice.average_precision,
        "precision_at": {str(k): share for k, share in choice.precision_at.items()},
        "is_probability": choice.is_probability,
        "why_ranks_alone": choice.why_ranks_alone,
        "calibration": asdict(choice.calibration),
        "slope_before": choice.slope_before,
        "line": asdict(choice.line),
    }


def describe_card(card: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a card for a reader: the predictor, its calibration, and what follows from it."""
    calibration = card["calibration"]
    rejected, annotated = counted(card["n_left_out_of_truth"], "protein"), counted(card["n_with_feature"], "protein")
    yield f"not ranked: {rejected} left out of {card['truth']}, {annotated} with a feature `{card['type']}`"
    yield f"predictor: {card['predictor']}; of {card['n_proteins']:,} labelled proteins, {card['families']}"
    times = Counter(card["chosen_in_folds"]).most_common()
    yield f"chosen in the splits: {', '.join(f'{name} {n}' for name, n in times)}"
    yield f"on families held out, folds {card['folds']}:"
    yield f"  average precision  {card['average_precision']:.3f}"
    precision = ", ".join(f"{share:.3f} of the first {k}" for k, share in card["precision_at"].items())
    yield f"  precision          {precision}"
    yield f"  slope              {_with_interval(calibration, 'slope')}; {card['slope_before']:.2f} before calibration"
    yield f"  intercept          {_with_interval(calibration, 'intercept')}"
    yield f"  Brier skill        {calibration['brier_skill']:.3f} above the letter"
    if calibration["error"] is not None:
        yield f"  error              {calibration['error']:.3f} over residues of probability 0.1 or more"
    yield "  probability  share labelled  residues"
    for part in calibration["bins"]:
        yield f"  {part['probability']:11.4f}  {part['share_labelled']:14.4f}  {part['n_residues']:8,}"

    lowest, highest = SLOPES
    reason = card["why_ranks_alone"]
    told = "probabilities are told" if reason is None else f"ranks alone are told, because {reason}"
    yield f"probabilities need a slope of {lowest} to {highest}, of a predictor that a split chose: {told}"
    yield card["says"]


def _with_interval(calibration: dict[str, Any], name: str) -> str:
    return f"{calibration[name]:.2f} ({calibration[f'{name}_low']:.2f} to {calibration[f'{name}_high']:.2f})"
