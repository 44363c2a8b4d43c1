"""The errors of attlas, one for each place of the fault; each says what was expected, what was found and what to do."""

import errno
from collections.abc import Sequence
from pathlib import Path

N_OFFENDERS_SHOWN = 10

LONGEST_LINE = 300
"""Characters of another library's message that are shown or kept."""

_MAY_NOT = "see `ls -ld` for who may use it and the folders above it; its owner can let you, by `chmod`"
_NO_SPACE = (
    "free some space, then run the same command again: a build or a pass goes on with the shards that are missing"
)
_IS_FULL = (errno.ENOSPC, errno.EDQUOT)
_SYSTEM_HINTS = {
    errno.EACCES: _MAY_NOT,
    errno.EPERM: _MAY_NOT,
    errno.EROFS: "write to another disk: this one is mounted read-only",
    errno.ENOENT: "check that it is there, and the folder that you are in",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EFBIG: "see `ulimit -f` for the largest file that you may write",
    errno.ELOOP: "one of its links leads back to itself: give the path without links",
}
"""What to do about an error of the system, by its number."""


class Fault(Exception):
    """The base of every attlas error; never raised itself.

    `what` is one sentence. `expected`, `found` and `hint` are shown on lines of their own where they are given.
    `offenders` names the proteins, files or ids concerned: ten are printed, then their number `n_offenders`, which is
    given where they are not all listed.
    """

    def __init__(
        self,
        what: str,
        *,
        expected: str | None = None,
        found: str | None = None,
        hint: str | None = None,
        offenders: Sequence[str] = (),
        n_offenders: int | None = None,
    ) -> None:
        self.what = what
        self.expected = expected
        self.found = found
        self.hint = hint
        self.offenders = tuple(offenders)
        self.n_offenders = len(self.offenders) if n_offenders is None else n_offenders
        super().__init__(what)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle by their args; these have keywords, which must come back from a Dask worker.
        fields = (self.what, self.expected, self.found, self.hint, self.offenders, self.n_offenders)
        return _rebuild, (type(self), *fields)

    def __str__(self) -> str:
        lines = [self.what]
        if self.expected is not None:
            lines.append(f"  expected: {self.expected}")
        if self.found is not None:
            lines.append(f"  found:    {self.found}")

        lines += [f"  - {offender}" for offender in self.offenders[:N_OFFENDERS_SHOWN]]
        if self.n_offenders > N_OFFENDERS_SHOWN:
            lines.append(f"  ... and {self.n_offenders - N_OFFENDERS_SHOWN:,} more ({self.n_offenders:,} in all)")

        if self.hint is not None:
            lines.append(f"  to do:    {self.hint}")
        return "\n".join(lines)


def first_line(error: BaseException) -> str:
    """Return the type of an error and the first line of its message, of LONGEST_LINE characters at most."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:LONGEST_LINE]}" if lines else type(error).__name__


def describe_in_one_line(error: BaseException) -> str:
    """Return the message of an error on one line: of a fault with its `expected`, `found` and `hint`."""
    if not isinstance(error, Fault):
        return first_line(error)

    parts = [error.what.removesuffix(".")]
    for label, text in (("expected", error.expected), ("found", error.found), ("to do:", error.hint)):
        parts += [] if text is None else [f"{label} {text}"]
    return "; ".join(parts)


class InputError(Fault, ValueError):
    """The proteins, sources or options of the caller cannot be used as they are."""


class PlanError(Fault, ValueError):
    """The directory holds another computation than this one, none at all, or one in progress."""


class EnvironmentFault(Fault, RuntimeError):
    """This machine lacks what the work needs: memory, disk, a package, a model."""


class DeviceFault(EnvironmentFault):
    """The device of this process computes wrong numbers or none: no protein is to blame, another device may go on."""


class BrokenAtlasError(Fault, RuntimeError):
    """Files of an atlas are missing or differ from what the manifest says."""


class QuestionError(Fault, ValueError):
    """The question cannot be answered: unknown id, bad SQL, unknown format."""


def system_fault(error: OSError, written: Path | None = None) -> EnvironmentFault:
    """Return the error for what the system refused: for which file, why, and what to do.

    `written` is the file or folder that was to be written; without it, the file is the one that the system names.
    """
    named = None if error.filename is None else str(error.filename)
    place = named if written is None else str(written)
    if error.errno in _IS_FULL or "No space left" in str(error):
        reason = f"no space left while writing {place or 'a file'}"
        return EnvironmentFault("The disk is full.", found=reason, hint=_NO_SPACE)

    reason = error.strerror or str(error)
    if named is not None and named != place:
        reason += f": {named}"
    verbs = "read or written" if written is None else "written"
    hint = _SYSTEM_HINTS.get(error.errno or 0, "check the path, and whether its disk is there and whole")
    return EnvironmentFault(f"{place or 'A file'} cannot be {verbs}.", found=reason, hint=hint)


def _rebuild(
    kind: type[Fault],
    what: str,
    expected: str | None,
    found: str | None,
    hint: str | None,
    offenders: tuple[str, ...],
    n_offenders: int,
) -> Fault:
    return kind(what, expected=expected, found=found, hint=hint, offenders=offenders, n_offenders=n_offenders)
