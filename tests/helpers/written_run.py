"""The run of an atlas that tests of the contract write, every field of it by hand."""

from attlas.schema import FORMAT_VERSION, Run

RUN = Run(
    model="model",
    revision="local",
    weights_sha256="0" * 64,
    config_sha256="0" * 64,
    architecture="esm",
    n_layers=6,
    n_heads=20,
    dtype="float32",
    device="cpu",
    attention="tiled",
    attention_bound=1e-3,
    letters="J as X",
    rule="nayar-2025-05",
    edge_theta=0.3,
    max_length=None,
    format_version=FORMAT_VERSION,
    attlas_version="0.1.0",
    torch_version="2.13.0",
    transformers_version="5.23.0",
)
