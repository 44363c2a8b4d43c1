"""Evidence and descriptions of a record, put together from what a source says of it."""

from attlas.pipeline.annotate.records import describe_feature, eco_codes


def test_evidence_is_its_codes_in_order_each_once() -> None:
    assert eco_codes("ECO:0000269|PubMed:1, ECO:0000255", "ECO:0000269", None) == "ECO:0000255; ECO:0000269"
    assert eco_codes("", None) is None
    assert describe_feature("note", ligand="heme b", label="1", part="Fe") == "heme b 1; part Fe; note"
