"""A site in words, for formats that have a description: the same sentence in each."""

from typing import Any

from attlas.queries.answers.stored_rows import SiteRow

INITIATOR = "initiator methionine"
"""A methionine at position 1, in words."""
SHORT_INITIATOR = "initiator"
"""The same beside the name of the site, which says that it is a methionine."""


def site_name(site: dict[str, Any]) -> str:
    """Return the site as people write it: letter and position from 1, such as `R131`."""
    return f"{site['residue']}{site['position']}"


def site_label(site: SiteRow) -> str:
    """Return the label of a site in a structure: its name, and a note on the initiator methionine."""
    return f"{site.name} ({SHORT_INITIATOR})" if site.is_initiator_methionine else site.name


def site_text(site: dict[str, Any], n_sites: int) -> str:
    """Return a site in words, with a note on a nonstandard letter or the initiator methionine."""
    peculiarity = ", not a standard amino acid" if site["is_nonstandard"] else ""
    if site["is_initiator_methionine"]:
        peculiarity = f", {INITIATOR}"
    rank = f"rank {site['rank']} of {n_sites}"
    return f"High-attention site {site_name(site)}{peculiarity}, {rank}, layer {site['layer']}"


def sites_text(n_sites: int) -> str:
    """Return a number of sites in words."""
    return f"{n_sites} high-attention site" + ("" if n_sites == 1 else "s")
