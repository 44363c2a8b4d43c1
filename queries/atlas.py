"""`Atlas`: what a user of Python opens; the tables of `Store`, and the questions, cards and exports on top of them."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from attlas.queries.store import Store
from attlas.schema import CONTACTS, FAMILIES, FEATURES, FUSED_CONTACTS, LINKS, TRACKS, VARIANTS, Table

if TYPE_CHECKING:
    from attlas.queries.cards.protein_card import ProteinCard
    from attlas.queries.page.pair_page import PairPage
    from attlas.queries.page.protein_page import ProteinPage


class Atlas(Store):
    """An atlas, in a directory or behind a URL, open for reading; close it, or use it in a `with`.

    Ids are an accession (`P04637`, `P04637-2`, `P04637.4`), a FASTA id (`sp|P04637|P53_HUMAN`), `UniProtKB:P04637`,
    `AF-P04637-F1`, an entry name, a gene that only one protein has, a gene with its taxon (`TP53@9606`), or the MD5 or
    CRC64 of a sequence, which answers for every accession that has it. Another text stands for the protein that alone
    is called so, in any letter case: an entry name, words of a name, the PDB id of a structure; a warning says so.
    Answers are Arrow tables: `pip install pandas` for their `to_pandas()`.
    Lookups read Parquet directly; DuckDB is imported and connected by the first `sql`.
    """

    def lookup(self, ids: Iterable[str], *, taxon: int | str | None = None) -> pa.Table:
        """Return the sites of many proteins in one table: a row per site, and a row for each id without one.

        The columns begin with `asked`, `outcome` and `reason`, so that no id is lost; an id that is repeated is
        answered once. `taxon`, an NCBI id or an organism's name, says whose gene a gene name means.
        An id in another letter case is answered with the only protein that it may mean, which `reason` says; words of
        a name are for `show`, `sites` and the other lookups of one protein.
        """
        from attlas.queries.answers.many_ids import lookup

        return lookup(self, ids, taxon=taxon, takes_names=True)

    def show(self, id: str, *, layers: Sequence[int] = ()) -> "ProteinCard":
        """Return the card of a protein: printed as `attlas show` prints it, and drawn in a notebook.

        `layers`, counted from 0, are those whose profiles are shown beside the layer of convergence.

        Raises:
            QuestionError: the id is not in the atlas, or names several different proteins.
        """
        from attlas.queries.answers.one_id import NoAnswer, answer_match
        from attlas.queries.cards.protein_card import ProteinCard

        match = self.match(id).of_cluster()  # the card has the note
        answer = answer_match(self, match if match.rows else self.identify(id), layers=layers)[0]
        if isinstance(answer, NoAnswer):
            raise answer.fault()
        return ProteinCard(answer, self.manifest.run)

    def page(self, id: str, *, structure: str | Path | None = None, chain: str | None = None) -> "ProteinPage":
        """Return the page of a protein, as `attlas page` writes it: shown in a notebook, or written by `write`.

        Args:
            id: the protein.
            structure: PDB or mmCIF file to draw, or a folder with one that is named after the protein; None draws a
                structure that the atlas is annotated with.
            chain: chain of the structure; None takes every chain of a file that fits.

        Raises:
            QuestionError: the id is not in the atlas, or names several different proteins; there is no such chain.
            InputError: the structure cannot be read, or is not of this protein.
        """
        from attlas.queries.page.protein_data import protein_data
        from attlas.queries.page.protein_page import ProteinPage

        path = None if structure is None else Path(structure)
        accession = self.find_accession(id, takes_members=True)
        return ProteinPage(protein_data(self, accession, structure=path, chain=chain))

    def pair_page(
        self,
        id: str,
        partner: str,
        *,
        form: str | None = None,
        structure: str | Path | None = None,
        chain: str | None = None,
        partner_chain: str | None = None,
    ) -> "PairPage":
        """Return the page of a pair, as `attlas page --partner` writes it: shown in a notebook, or written by `write`.

        Args:
            id: one protein of the pair.
            partner: the other.
            form: how the two were joined; None takes the first that was computed.
            structure: PDB or mmCIF file to draw, with a chain of either protein.
            chain: chain of `id` in it; None finds it by its letters, of several copies the two chains that touch most.
            partner_chain: the same of `partner`.

        Raises:
            QuestionError: the two are no pair of the atlas, or not in this form; the pair was not computed.
            InputError: the structure cannot be read, or is not of these proteins.
        """
        from attlas.queries.page.pair_data import pair_data
        from attlas.queries.page.pair_page import PairPage

        path, chains = None if structure is None else Path(structure), (chain, partner_chain)
        accession, other = (self.find_accession(name, takes_members=True) for name in (id, partner))
        return PairPage(pair_data(self, accession, other, form=form, structure=path, chains=chains))

    def features(self, id: str) -> pa.Table:
        """Return the known features of a protein by position.

        Raises:
            QuestionError: the id is not in the atlas, or the atlas is not annotated.
        """
        return self._added_rows(FEATURES, id)

    def families(self, id: str) -> pa.Table:
        """Return the families that a protein is assigned to, by database.

        Raises:
            QuestionError: the id is not in the atlas, or the atlas has no families.
        """
        return self._added_rows(FAMILIES, id)

    def tracks(self, id: str) -> pa.Table:
        """Return the numbers of one's own for the residues of a protein, track by track, by position.

        Raises:
            QuestionError: the id is not in the atlas, or the atlas has no tracks.
        """
        return self._added_rows(TRACKS, id)

    def variants(self, id: str) -> pa.Table:
        """Return the numbers of one's own for variants of a protein, by position.

        Raises:
            QuestionError: the id is not in the atlas, or the atlas has no values of variants.
        """
        return self._added_rows(VARIANTS, id)

    def contacts(self, id: str) -> pa.Table:
        """Return the contacts that the model predicts for a protein, the likeliest first.

        Raises:
            QuestionError: the id is not in the atlas, or `attlas contacts` has not been run on it.
        """
        return self._added_rows(CONTACTS, id)

    def fused_contacts(self, id: str) -> pa.Table:
        """Return the contacts of a protein by the mean of a few heads, those of highest score at the top.

        Raises:
            QuestionError: the id is not in the atlas, or `attlas contacts DIR --heads HEADS` has not been run on it.
        """
        return self._added_rows(FUSED_CONTACTS, id)

    def links(self, id: str) -> pa.Table:
        """Return the links of a protein, the strongest attention of a residue to another, strongest first.

        They are a choice of the strongest: `heads` has `n_edges`, the number of all edges of each head.

        Raises:
            QuestionError: the id is not in the atlas, or `attlas links` has not been run on it.
        """
        return self._added_rows(LINKS, id)

    def plot(
        self,
        id: str,
        kind: str = "profile",
        *,
        layer: int | None = None,
        head: int | None = None,
        statistic: str | None = None,
        tracks: Sequence[str] = (),
    ) -> Any:
        """Return a picture of a protein, as `attlas plot` draws it: a figure of matplotlib, shown in a notebook.

        Args:
            id: an id of the protein.
            kind: `profile`, attention received along the sequence; `heads`, a map of a statistic; `links` of a head.
            layer: layer of the profile, or of the head, from 0; by default that of convergence.
            head: head of the links, from 0; by default that whose links touch the sites most.
            statistic: statistic of the heads, a column of the table `heads`; by default `n_edges`.
            tracks: names of tracks that are drawn below a profile.

        Raises:
            QuestionError: the id is not in the atlas, or its protein has no such picture.
            EnvironmentFault: matplotlib is not installed.
        """
        from attlas.queries.plots import draw_plot

        return draw_plot(
            self, self.find_accession(id), kind, layer=layer, head=head, statistic=statistic, tracks=tracks
        )

    def questions(self) -> pa.Table:
        """Return the questions that have a name: name, topic, title, and the tables they need that this atlas lacks."""
        from attlas.queries.asking.question import missing_tables
        from attlas.queries.asking.questions import questions

        rows = [
            {
                "name": question.name,
                "topic": question.topic,
                "title": question.title,
                "missing": ", ".join(table.name for table in missing_tables(question, self.manifest)) or None,
            }
            for question in questions()
        ]
        fields = [pa.field(name, pa.string()) for name in ("name", "topic", "title", "missing")]
        return pa.Table.from_pylist(rows, schema=pa.schema(fields))

    def ask(self, question: str | Path, /, **parameters: object) -> pa.Table:
        """Answer a question by its name, as `attlas ask` does, or one of your own in a file like ours.

        The schema says what the columns mean, and what was asked of which atlas. A warning names what of the
        parameters was left out, such as proteins that were not computed, or says why there may be no rows.

        Raises:
            QuestionError: there is no such question, or a parameter is unknown, missing, or not of its type.
        """
        from attlas.queries.asking.answering import ask

        bound_question = ask(self, question, parameters, takes_names=True)
        for note in bound_question.bound.notes:
            warnings.warn(note, stacklevel=2)
        empty_notes: list[str] = []
        rows = bound_question.answer(self, note=empty_notes.append).read_all()
        for note in empty_notes:
            warnings.warn(note, stacklevel=2)
        return rows

    def export(
        self,
        format: str,
        output: str | Path,
        ids: str | Sequence[str] | None = None,
        *,
        structure: str | Path | None = None,
        chain: str | None = None,
        partner_chain: str | None = None,
        form: str | None = None,
        pdb_id: str | None = None,
        alignment: str | Path | None = None,
        layer: int | None = None,
        head: int | None = None,
        is_safe_for_spreadsheets: bool = False,
    ) -> list[Path]:
        """Write the sites in another tool's format, as `attlas export` does, and return the files written.

        Args:
            format: name of the format, such as `gff3`; `attlas export DIR` lists them.
            output: file to write. What goes beside it, such as ChimeraX commands, is written next to it.
            ids: proteins to write; None writes all.
            structure: PDB or mmCIF file that the protein is joined to.
            chain: chain of the structure; None takes every chain that fits.
            partner_chain: chain of the other protein, where the file is of a pair.
            form: how the proteins of a pair were joined, such as `gap`; None for the only form, or all in a table.
            pdb_id: PDB id of the structure, where the format names it.
            alignment: FASTA, Stockholm or Clustal file whose ids Jalview shows.
            layer: layer whose links are written, from 0.
            head: head of this layer whose links are written, from 0.
            is_safe_for_spreadsheets: keep CSV and TSV from being taken for formulas.

        A warning says what the file leaves out.

        Raises:
            QuestionError: there is no such format, it cannot take what is given, or an id has no answer.
        """
        from attlas.queries.exports.exporting import ExportOptions, prepare_export, write_files

        options = ExportOptions(
            ids=(ids,) if isinstance(ids, str) else None if ids is None else tuple(ids),
            output=Path(output),
            structure=None if structure is None else Path(structure),
            chain=chain,
            partner_chain=partner_chain,
            form=form,
            pdb_id=pdb_id,
            alignment=None if alignment is None else Path(alignment),
            layer=layer,
            head=head,
            is_safe_for_spreadsheets=is_safe_for_spreadsheets,
        )
        prepared = prepare_export(self, format, options, takes_names=True)
        if prepared.faults:
            raise prepared.faults[0]

        written = write_files(self, prepared, Path(output))
        for note in (*written.notes, *written.absences):
            warnings.warn(note, stacklevel=2)

        return [Path(output), *([] if written.companion is None else [written.companion[1]])]

    def _repr_html_(self) -> str:
        """Return the atlas as HTML for a notebook: what it was computed from, how, and its tables."""
        from attlas.queries.cards.atlas_html import atlas_html

        return atlas_html(str(self.root), self.manifest)

    def _added_rows(self, table: Table, id: str) -> pa.Table:
        from attlas.queries.answers.added_rows import read_added_rows

        return read_added_rows(self, table, id)
