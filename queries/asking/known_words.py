"""Parameters of a question of one's own that are named as columns of the atlas are checked against the atlas.

A question may say for itself what its values are (`type text of features.type`). Where it does not, a parameter that is
called `type`, `layer`, `head` or `organism` is taken for what it is called: a misspelt type, or the seventh of six
layers, would otherwise be answered with no rows.
"""

from dataclasses import replace

from attlas.queries.asking.parameters import Parameter, make_singular

WORDS = {"type": "features.type", "label": "labels.label", "organism": "proteins.organism"}
"""Names of parameters, in the singular, and the columns that hold their values."""
LAYER, HEAD = "layer", "head"
"""Names of parameters, in the singular, that count from 0 to what the model has."""


def held_to_atlas(parameter: Parameter, n_layers: int, n_heads: int) -> Parameter:
    """Return a parameter with the column or the range that its name says, where its question says neither."""
    singular = make_singular(parameter.name)
    is_bounded = bool(parameter.choices) or parameter.column is not None or parameter.maximum is not None

    if parameter.type in ("text", "texts") and singular in WORDS and not is_bounded:
        return replace(parameter, column=WORDS[singular])
    counts = {LAYER: n_layers, HEAD: n_heads}
    if parameter.type in ("int", "ints") and singular in counts and not is_bounded:
        return replace(parameter, minimum=max(parameter.minimum or 0, 0), maximum=counts[singular] - 1)
    return parameter
