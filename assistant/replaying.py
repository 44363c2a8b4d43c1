"""Recorded answers asked again: which agree with the atlas as it is now, and which do not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from attlas.assistant.canonical import canonical_bytes, rows_sha256
from attlas.assistant.tools import call_tool
from attlas.queries import Atlas
from attlas.queries.text import cut, printable
from attlas.schema import Fault, QuestionError
from attlas.schema.errors import first_line

Outcome = Literal["agrees", "differs", "cannot be replayed"]
RECORDED = ("tool", "arguments", "atlas_id", "columns", "rows", "rows_sha256")
"""What of an answer is needed to replay it."""
CELL_WIDTH = 60
"""Characters of a value, or of the name of a tool, that a line shows."""


@dataclass(frozen=True)
class Replay:
    """What became of one recorded answer."""

    number: int
    """Place of the answer in the file, from 1."""
    tool: str
    outcome: Outcome
    reason: str | None = None
    """How it differs, or why it cannot be replayed."""

    @property
    def line(self) -> str:
        """The outcome in one line."""
        text = f"answer {self.number} ({self.tool}): {self.outcome}"
        return printable(text if self.reason is None else f"{text}: {self.reason}")


def read_answers(path: Path) -> list[Any]:
    """Return the recorded answers of a file: JSON lines, one JSON array, or one answer.

    Raises:
        QuestionError: the file cannot be read, holds no JSON, or no answer.
    """
    expected = "answers as the tools gave them, as JSON lines or a JSON array"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise QuestionError(f"{path} cannot be read.", expected=expected, found=first_line(error)) from error

    answers = list(_json_values(text, path, expected))
    if not answers:
        raise QuestionError(f"There is no answer in {path}.", expected=expected)
    return answers


def replay_answers(atlas: Atlas, answers: list[Any], *, timeout_s: float | None) -> Iterator[Replay]:
    """Ask each recorded answer again, in order, and yield what became of it."""
    for number, answer in enumerate(answers, start=1):
        yield _replay_answer(atlas, number, _unwrap(answer), timeout_s=timeout_s)


def _replay_answer(atlas: Atlas, number: int, answer: Any, *, timeout_s: float | None) -> Replay:
    name = answer.get("tool") if isinstance(answer, dict) else None
    tool = name[:CELL_WIDTH] if isinstance(name, str) else "unknown tool"

    if reason := _explain_unusable(answer, atlas):
        return Replay(number, tool, "cannot be replayed", reason)
    if rows_sha256(answer["columns"], answer["rows"]) != answer["rows_sha256"]:
        return Replay(number, tool, "differs", "its rows are not those of its rows_sha256: the record was changed")

    try:
        new_answer = call_tool(atlas, answer["tool"], answer["arguments"], timeout_s=timeout_s)
    except Fault as fault:
        return Replay(number, tool, "cannot be replayed", fault.what)
    if new_answer["rows_sha256"] == answer["rows_sha256"]:
        return Replay(number, tool, "agrees")
    return Replay(number, tool, "differs", _describe_difference(answer, new_answer))


def _explain_unusable(answer: Any, atlas: Atlas) -> str | None:
    """Return why a record cannot be replayed; None if it can."""
    if not isinstance(answer, dict):
        return "it is no answer of a tool"
    if "error" in answer:
        return "it is an error, which has no rows"
    if missing := [name for name in RECORDED if name not in answer]:
        return f"it has no {', '.join(missing)}"
    if reason := _explain_no_canonical_form(answer):
        return reason

    are_rows = isinstance(answer["rows"], list) and all(isinstance(row, list) for row in answer["rows"])
    are_names = isinstance(answer["columns"], list) and all(isinstance(name, str) for name in answer["columns"])
    if not (are_rows and are_names and isinstance(answer["arguments"], dict) and isinstance(answer["tool"], str)):
        return "it is not laid out as an answer of a tool"
    if answer["atlas_id"] != atlas.manifest.atlas_id:
        return f"it is of the atlas {answer['atlas_id']}, and this one is {atlas.manifest.atlas_id}"
    return None


def _explain_no_canonical_form(answer: dict[str, Any]) -> str | None:
    """Return why a record holds values that no answer has; None if it holds none."""
    try:
        canonical_bytes([], [[answer]])
    except ValueError:
        return "it has a number that is too large for JSON"
    except RecursionError:
        return "its values are nested too deeply"
    return None


def _describe_difference(answer: dict[str, Any], new_answer: dict[str, Any]) -> str:
    """Return the first difference between a recorded answer and the same asked again."""
    change = _describe_change(answer, new_answer)
    if answer["columns"] != new_answer["columns"]:
        return f"its columns were {', '.join(answer['columns'])}, and are {', '.join(new_answer['columns'])}{change}"

    for number, (recorded, row) in enumerate(zip_longest(answer["rows"], new_answer["rows"])):
        if recorded is None or row is None:
            return f"it had {len(answer['rows']):,} rows, and has {len(new_answer['rows']):,}{change}"
        for column, recorded_value, value in zip_longest(answer["columns"], recorded, row):
            if canonical_bytes([], [[recorded_value]]) != canonical_bytes([], [[value]]):
                texts = f"it was {_shorten(recorded_value)}, and is {_shorten(value)}"
                return f"row {number}, column {column}: {texts}{change}"
    return f"its rows differ{change}"


def _describe_change(answer: dict[str, Any], new_answer: dict[str, Any]) -> str:
    """Return the other changes since an answer was recorded: of the tables of the atlas, or of attlas itself."""
    changes = []
    if answer.get("manifest_version") != new_answer["manifest_version"]:
        changes.append("tables were added since")
    if answer.get("attlas_version") != new_answer["attlas_version"]:
        changes.append(f"attlas was {_shorten(answer.get('attlas_version'))}")
    return "".join(f"; {change}" for change in changes)


def _shorten(value: Any) -> str:
    return cut(json.dumps(value, ensure_ascii=False), CELL_WIDTH)


def _unwrap(answer: Any) -> Any:
    """Return the answer in the result of a call, as a client of the protocol holds it; others as they are."""
    names = ("structuredContent", "structured_content")
    if isinstance(answer, dict) and (name := next((name for name in names if name in answer), None)):
        return answer[name]
    return answer


def _json_values(text: str, path: Path, expected: str) -> Iterator[Any]:
    """Yield the values of JSON lines, or the items of one JSON array."""
    try:
        whole = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        pass  # JSON lines, perhaps
    else:
        yield from whole if isinstance(whole, list) else [whole]
        return

    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield json.loads(line, parse_constant=_refuse_constant)
            except (ValueError, RecursionError) as error:
                message = f"Line {number} of {path} is no JSON."
                raise QuestionError(message, expected=expected, found=first_line(error)) from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
