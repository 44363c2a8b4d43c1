"""The golden files of exports: every text format, of a tiny atlas whose numbers are written down here.

    PYTHONPATH=tests python -m helpers.golden_files    # writes them

The atlas has a protein with sites, one whose header is hostile, one without sites, one skipped and one failed. Look at
the difference before you commit it: these files are what users' parsers see.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from attlas.queries import Atlas
from attlas.queries.exports import EVERY_PROTEIN, EXPORTS
from helpers.synthetic import SyntheticProtein, write_atlas

GOLDEN = Path(__file__).parents[1] / "queries" / "exports" / "golden"

PROTEINS = [
    SyntheticProtein(
        "P0DP23",
        "MADQLTEEQIAEFKEAFSLFDKDGDGTITTKELGTVMRSLGQNPTEAELQDMINEVDADGNGTIDFPEFLTMM",
        "CALM1_HUMAN",
        "CALM1",
        "Homo sapiens",
        9606,
        "Calmodulin-1",
    ),
    SyntheticProtein(
        "H;=&%,\"é'|x",
        "MKVLAARGSDPIYTNQWEUHFC",
        None,
        "g;=&%,",
        "Ünïcödé; sp.=1 & co, 50%",
        None,
        "tab\there \"quoted\" 'single' ;=&%, \x1b[31mred <b>, Ω\nline",
        n_sites=10,
    ),
    SyntheticProtein("Q00001", "MSTNPKPQRKTKRNTNRRPQ", "NONE_HUMAN", n_sites=0),
    SyntheticProtein("Q00003", "MK*LVMK*LV", status="skipped", reason="inner `*`"),
    SyntheticProtein("Q00004", "MAAAKKKLLLVVV", status="failed", reason="out of\tmemory"),
]


def golden(format: str) -> Path:
    """Return the golden file of a format."""
    return GOLDEN / f"{format}.golden"


def formats() -> list[str]:
    """Return the formats that have one: those of text whose bytes do not depend on a library's version."""
    return ["gff3", "bed", "uniprot", "interproscan", "coverage", "jalview-features", "jalview-annotation", "fasta",
            "csv", "tsv", "jsonl"]  # fmt: skip


def write_golden_atlas(root: Path) -> None:
    """Write the tiny atlas."""
    write_atlas(root, PROTEINS, n_layers=3, n_heads=1, n_shards=2)


def main() -> None:
    """Write every golden file."""
    with TemporaryDirectory() as folder:
        write_golden_atlas(Path(folder) / "atlas")
        with Atlas.open(Path(folder) / "atlas") as atlas:
            for format in formats():
                with golden(format).open("wb") as sink:
                    EXPORTS[format].write(atlas, EVERY_PROTEIN, sink)


if __name__ == "__main__":
    main()
