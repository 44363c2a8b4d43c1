"""The workshop: proteins and a model in, the Parquet of an atlas out."""
