"""The tables that hold attention across pairs against their known contacts, interfaces and labels, with nulls."""

from dataclasses import replace

import pyarrow as pa

from attlas.schema.annotation_tables import COORDINATES, PARTNER_CONTACTS
from attlas.schema.built_tables import SEQUENCES
from attlas.schema.columns import HEAD, LAYER, SEQUENCE_ID, STORED_ACCESSION, statistic_column, text_column
from attlas.schema.pair_tables import FORM, PAIR_ID, PAIRS, PARTNER
from attlas.schema.table import Column, Command, Setting, Table

INTERFACES_COMMAND = Command("interfaces", "DIR")
BINDERS_COMMAND = Command("binders", "DIR")

KINDS = ("given", "swapped", "shuffled")
"""What is judged: the pair as it is, and its two nulls."""


def _measure(name: str, unit: str, doc: str) -> Column:
    return Column(name, pa.float32(), unit, doc, is_nullable=True)


def _hits(name: str, pairs: str) -> Column:
    doc = f"Contacts among {pairs} of highest score; of tied pairs, the mean over their orders."
    return _measure(name, "contacts", doc)


_TRIAL_PARTNER = replace(
    PARTNER, doc="Accession of the other protein; of kind `swapped` that of another pair, in its place."
)
_HOMOLOGY_GROUP = text_column(
    "homology_group",
    "Group of pairs with chains alike: pairs of one group are no independent evidence. A name from the file of "
    "groups, or the lowest `pair_id` of the group.",
    is_nullable=False,
)

_KEY_COLUMNS = (
    PAIR_ID,
    SEQUENCE_ID,
    STORED_ACCESSION,
    _TRIAL_PARTNER,
    _HOMOLOGY_GROUP,
    Column("is_homodimer", pa.bool_(), "", "Both proteins of the pair, as it is given, have the same sequence."),
    FORM,
    text_column(
        "kind",
        "`given`: the pair as it is. The nulls: `swapped`, with the partner of another pair of another homology group, "
        "of like length; `shuffled`, with the letters of both proteins in another order.",
        is_nullable=False,
    ),
)

_MEASURE_COLUMNS = (
    Column("n_pairs", pa.int32(), "pairs", "Pairs of residues across, of those that the structure shows."),
    Column(
        "n_contacts",
        pa.int32(),
        "contacts",
        "Of these, contacts; null of kind `swapped`, where none are known.",
        is_nullable=True,
    ),
    _measure("auroc", "fraction", "Chance that a contact has a higher score than another pair; ties count half."),
    _measure("auprc", "fraction", "Average precision of the contacts among the pairs; by chance n_contacts / n_pairs."),
    _hits("hits_1", "the pair"),
    _hits("hits_5", "the 5 pairs"),
    _hits("hits_10", "the 10 pairs"),
    _hits("hits_l10", "the `n_l10` pairs"),
    Column("n_l10", pa.int32(), "pairs", "A tenth of the residues of the shorter protein, at least 1."),
    Column("n_residues", pa.int32(), "residues", "Residues of `accession` that the structure shows."),
    Column("n_interface", pa.int32(), "residues", "Of these, residues with a contact: to its own partner, if swapped."),
    Column("n_partner_residues", pa.int32(), "residues", "Residues of `partner` that its structure shows."),
    Column("n_partner_interface", pa.int32(), "residues", "Of these, residues with a contact in its own pair."),
    _measure(
        "interface_auroc",
        "fraction",
        "Chance that an interface residue of `accession` receives more from `partner` than another residue.",
    ),
    _measure("interface_auprc", "fraction", "Average precision of the interface residues of `accession` by the same."),
    _measure(
        "partner_interface_auroc",
        "fraction",
        "Chance that an interface residue of `partner` receives more from `accession` than another residue.",
    ),
    _measure("partner_interface_auprc", "fraction", "Average precision of the interface residues of `partner`."),
)

_GROUPS = Setting("groups", str, "Where the homology groups are from: a file, or the rule by which they were computed.")

_SETTINGS = (
    Setting("forms", str, "Forms in which the two were joined, separated by spaces."),
    Setting("orders", str, "`both`: scores are of the mean map of both orders of the two; or `forward`."),
    Setting("gap", int, "Positions without letters between the two, in the form `gap`."),
    Setting("apc", str, "Average product taken over the `joined` map of residues, or over the block `across`."),
    Setting("seed", int, "Seed of the shuffled letters and of the splits."),
    _GROUPS,
)

PAIR_HEAD_CONTACTS = Table(
    name="pair_head_contacts",
    doc="How the attention of a head across a pair agrees with the known contacts and interfaces of the two, or does "
    "so in a null; a pair of residues scores A + A^T less the average product. Added by `attlas interfaces`.",
    key=("pair_id", "form", "kind", "layer", "head"),
    sort=("pair_id", "form", "kind", "layer", "head"),
    row_group_rows=65_536,
    columns=(
        *_KEY_COLUMNS,
        LAYER,
        replace(HEAD, doc="Head within the layer, 0-based; null: the mean map of its heads.", is_nullable=True),
        *_MEASURE_COLUMNS,
    ),
    added_by=INTERFACES_COMMAND,
    computed_from=(SEQUENCES, PAIRS, PARTNER_CONTACTS, COORDINATES),
    settings=_SETTINGS,
)

PAIR_CHOICES = Table(
    name="pair_choices",
    doc="How fused heads agree with the known contacts and interfaces of a pair on which they were not chosen: "
    "the mean score of heads of the highest mean AUROC on the choosing pairs of a split, of which none is of the same "
    "homology group. Added by `attlas interfaces`.",
    key=("pair_id", "form", "kind", "split", "n_heads"),
    sort=("pair_id", "form", "kind", "split", "n_heads"),
    row_group_rows=65_536,
    columns=(
        *_KEY_COLUMNS,
        Column("split", pa.int16(), "", "Number of the split of the pairs, from 0."),
        Column("n_heads", pa.int16(), "heads", "Number of fused heads."),
        text_column("heads", "The heads in order of rank, as layer-head, such as `5-3 4-17`.", is_nullable=False),
        *_MEASURE_COLUMNS,
    ),
    added_by=INTERFACES_COMMAND,
    computed_from=(SEQUENCES, PAIRS, PARTNER_CONTACTS, COORDINATES),
    settings=(
        *_SETTINGS,
        Setting("n_choosing", int, "Pairs on which heads are chosen, each of another homology group."),
    ),
)

PAIR_NULLS = Table(
    name="pair_nulls",
    doc="What `pair_heads` would say of a labelled pair by chance: the same numbers with its partner swapped, and with "
    "the letters of both shuffled, in the forms and orders of the pairs. Added by `attlas binders`.",
    key=("pair_id", "form", "kind", "layer", "head"),
    sort=("pair_id", "form", "kind", "layer", "head"),
    row_group_rows=65_536,
    columns=(
        PAIR_ID,
        SEQUENCE_ID,
        STORED_ACCESSION,
        _TRIAL_PARTNER,
        _HOMOLOGY_GROUP,
        FORM,
        text_column(
            "kind",
            "`swapped`, with the partner of another pair of another homology group, of like length; `shuffled`, with "
            "the letters of both proteins in another order.",
            is_nullable=False,
        ),
        LAYER,
        HEAD,
        statistic_column("across_share", "fraction", "As of `pair_heads`, the mean of both directions and all orders."),
        statistic_column("entropy_across", "nats", "As of `pair_heads`, the mean of both directions and all orders."),
        statistic_column("max_across", "attention", "As of `pair_heads`, the mean of both directions and all orders."),
        statistic_column("n_edges_across", "pairs", "As of `pair_heads`, the mean of both directions and all orders."),
    ),
    added_by=BINDERS_COMMAND,
    computed_from=(SEQUENCES, PAIRS),
    settings=(
        Setting("forms", str, "Forms in which the two were joined, separated by spaces."),
        Setting("orders", str, "Orders of the two in the input, separated by spaces."),
        Setting(
            "gap",
            int,
            "Positions without letters between the two, in the form `gap`; none without it.",
            is_optional=True,
        ),
        Setting("seed", int, "Seed of the shuffled letters."),
        _GROUPS,
    ),
)
