"""A server reads no file that a request names, by whichever name the request gives a parameter."""

from pathlib import Path

import pytest

from attlas.queries import Atlas
from attlas.schema import QuestionError
from attlas.serve.performing import perform
from attlas.serve.tasks import AskTask

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", ["proteins", "protein"])
def test_a_value_that_names_a_file_is_refused_in_the_singular_and_the_plural(
    atlas: Atlas, tmp_path: Path, name: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a line of somebody else's\n")
    task = AskTask("sites_of", {name: f"@{secret}"}, "json")
    with pytest.raises(QuestionError, match="reads no files"):
        perform(atlas, task, tmp_path / "answer.json", max_bytes=1_000_000)


def test_an_alignment_is_the_text_itself_in_the_singular_and_the_plural(atlas: Atlas, tmp_path: Path) -> None:
    secret = tmp_path / "secret.fasta"
    secret.write_text(f">P04637\n{atlas.protein('P04637')['sequence'][0].as_py()}\n")
    for name in ("alignment", "alignments"):
        task = AskTask("aligned_sites", {name: str(secret)}, "json")
        with pytest.raises(QuestionError, match="is no alignment"):
            perform(atlas, task, tmp_path / "answer.json", max_bytes=1_000_000)
