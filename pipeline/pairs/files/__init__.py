"""The formats of files of pairs, one a file: each reader yields what every line says, pair by pair, as it reads."""
