"""A site in words, for formats that have a description: the same sentence in each."""

from typing import Any


def site_name(site: dict[str, Any]) -> str:
    """Return the site as people write it: letter and position from 1, such as `R131`."""
    return f"{site['residue']}{site['position']}"


def site_text(site: dict[str, Any], n_sites: int) -> str:
    """Return a site in words; says so where its letter is none of the 20 standard amino acids."""
    warning = ", not a standard amino acid" if site["is_nonstandard"] else ""
    return f"High-attention site {site_name(site)}{warning}, rank {site['rank']} of {n_sites}, layer {site['layer']}"


def sites_text(n_sites: int) -> str:
    """Return a number of sites in words."""
    return f"{n_sites} high-attention site" + ("" if n_sites == 1 else "s")
