"""GFF3 gives features, regions and sequences, with their lines."""

from attlas.intake.gff3 import Gff3Feature, Gff3Region, Gff3Sequence, Gff3Unreadable, read_gff3
from attlas.intake.text import numbered_lines


def test_gff3_gives_features_regions_and_sequences_with_their_lines() -> None:
    text = (
        "##gff-version 3\n##sequence-region sp%7CQ1 1 149\n##sequence-region Q2 5 80\n##sequence-region Q3\n# x\n"
        "sp%7CQ1\tx\tActive%20site\t5\t6\t.\t+\t.\tNote=a%3Bb;ID=1\t\nQ2\ttoo\tfew\n##FASTA\n>Q2 words\nMK V\nLA\n"
    )
    items = list(read_gff3(numbered_lines(text)))
    assert items == [
        Gff3Region(2, "sp|Q1", "1", "149"),
        Gff3Region(3, "Q2", "5", "80"),
        Gff3Unreadable(4, "Q3", "##sequence-region Q3", is_region=True),
        Gff3Feature(6, "sp|Q1", "Active site", "5", "6", {"note": "a;b", "id": "1"}),
        Gff3Unreadable(7, "Q2", "3 columns where GFF3 has 9"),
        Gff3Sequence("Q2", "MKV"),
        Gff3Sequence("Q2", "LA"),
    ]
    assert [item.length for item in items if isinstance(item, Gff3Region)] == [149, None]
