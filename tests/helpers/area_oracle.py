"""The area under the receiver's curve of values in groups, and its error, by counting every two of them."""

from collections.abc import Sequence

import numpy as np


def find_area(values: Sequence[float], is_member: Sequence[bool]) -> float:
    """Return the share of (member, other) in which the member is higher, ties half."""
    members, others = np.array(values)[np.array(is_member)], np.array(values)[~np.array(is_member)]
    return float((np.sign(members[:, None] - others) / 2 + 0.5).mean())


def find_parts(values: Sequence[float], is_member: Sequence[bool], groups: Sequence[str]) -> dict[str, float]:
    """Return the part of each group in the area beyond its share, as Obuchowski (1997) sums it."""
    x, member, names = np.array(values, float), np.array(is_member), np.array(groups)
    is_higher = np.sign(x[member][:, None] - x[~member]) / 2 + 0.5  # (members, others)
    area = is_higher.mean()
    parts = {}
    for name in dict.fromkeys(groups):
        of_members, of_others = is_higher.mean(1)[names[member] == name], is_higher.mean(0)[names[~member] == name]
        parts[name] = float((of_members - area).sum() / member.sum() + (of_others - area).sum() / (~member).sum())
    return parts


def find_error(parts: Sequence[float]) -> float:
    """Return the standard error of the sum of independent parts."""
    return float(np.sqrt(len(parts) / (len(parts) - 1) * np.sum(np.square(parts))))
