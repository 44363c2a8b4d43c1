"""Tables that one command renews for one reason share a sentence."""

from attlas.schema import CONTACTS, COORDINATES, FEATURES, HEAD_CONTACTS, HEAD_FEATURES, LABELS, SEQUENCES
from attlas.schema.settings import describe_outdated


def test_tables_that_one_command_renews_for_one_reason_share_a_sentence() -> None:
    sources = {
        LABELS: [FEATURES],
        HEAD_FEATURES: [FEATURES],
        CONTACTS: [SEQUENCES],
        HEAD_CONTACTS: [SEQUENCES, COORDINATES],
    }
    assert describe_outdated(sources) == [
        "labels and head_features were computed from other features than the atlas has now: "
        "`attlas probe DIR` renews them",
        "contacts was computed from other sequences than the atlas has now: `attlas contacts DIR` renews it",
        "head_contacts was computed from other sequences and coordinates than the atlas has now: "
        "`attlas contacts DIR` renews it",
    ]
    assert describe_outdated({}) == []
