"""What a model is, read from its files: shape, vocabulary, precision. Loads no weights."""
