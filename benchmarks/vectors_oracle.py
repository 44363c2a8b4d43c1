"""The vectors of an atlas against those of protloc-mex-x, the package of ESM2_AMP, protein by protein.

`pip install --no-deps protloc-mex-x pandas scikit-learn tqdm` beside attlas, in an environment of its own: the package
pins old versions, which it does not need. Then, for an atlas with `attlas embed DIR --vectors cls,mean,eos,segments`:

    python benchmarks/vectors_oracle.py DIR --model MODEL

It prints the largest difference of each kind, and ends with an error if one is above 1e-5. The package runs one protein
at a time: in its padded batches the numbers themselves differ by some 5e-6.
"""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
from protloc_mex_X.ESM2_fr import Esm2LastHiddenFeatureExtractor
from transformers import AutoModel, AutoTokenizer

from attlas.queries import Atlas

TOLERANCE = 1e-5
QUERY = """
    SELECT p.sequence, v.kind, v.vector
    FROM vectors AS v JOIN proteins AS p USING (accession)
    WHERE v.layer = (SELECT max(layer) FROM vectors)
"""


def compute_features(sequences: list[str], model: Path) -> pd.DataFrame:
    """Return the features of protloc-mex-x: a row for each sequence, a column for each number."""
    network = AutoModel.from_pretrained(model, output_hidden_states=True, add_pooling_layer=False).eval()
    extractor = Esm2LastHiddenFeatureExtractor(
        AutoTokenizer.from_pretrained(model), network, compute_segments=True, device_choose="cpu"
    )
    return extractor.get_last_hidden_features_combine(pd.DataFrame({"sequence": sequences}), batch_size=1)


def main() -> None:
    """Compare every vector of the last layer, and print the largest differences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", help="Directory of the atlas.")
    parser.add_argument("--model", type=Path, required=True, help="Directory of its model.")
    arguments = parser.parse_args()

    with Atlas.open(arguments.directory) as atlas:
        rows = atlas.sql(QUERY).to_pylist()
    sequences = sorted({row["sequence"] for row in rows})
    features = compute_features(sequences, arguments.model).set_index("sequence")

    largest: dict[str, float] = defaultdict(float)
    for row in rows:
        name = f"{row['kind']}_mean" if row["kind"].startswith("segment") else row["kind"]
        columns = [f"ESM2_{name}{number}" for number in range(len(row["vector"]))]
        difference = np.abs(features.loc[row["sequence"], columns].to_numpy(np.float64) - np.array(row["vector"]))
        largest[row["kind"]] = max(largest[row["kind"]], float(difference.max()))

    for kind in sorted(largest):
        print(f"{kind:10} {largest[kind]:.2g}")
    print(f"{len(sequences)} sequences, {len(rows)} vectors, largest difference {max(largest.values()):.2g}")
    sys.exit(max(largest.values()) > TOLERANCE)


if __name__ == "__main__":
    main()
