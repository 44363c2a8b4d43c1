"""Members of clusters looked up in the table `members`: which protein of the atlas stands for an accession."""

from attlas.queries.lookup.keyed_files import KeyedFiles, range_of_keys
from attlas.queries.lookup.storage import Root
from attlas.schema import MEMBERS
from attlas.schema.file_list import FileList
from attlas.schema.index_tables import KEY_COLUMNS


class MemberIndex:
    """The members of the clusters of an atlas; without files it knows none."""

    def __init__(self, root: Root, files: FileList) -> None:
        self._files = KeyedFiles(root, files, KEY_COLUMNS[MEMBERS.name])

    def clusters_of(self, member: str) -> list[str]:
        """Return the accessions of the clusters that a member is in, in order; none for what is no member."""
        clusters: list[str] = []
        for file, group in self._files.places(member, member):
            rows = self._files.read(file, group)
            at = range_of_keys(rows.column("member"), member, member)
            clusters += rows.column("accession").slice(at.start, len(at)).to_pylist()
        return clusters

    def close(self) -> None:
        """Close the files kept open."""
        self._files.close()
