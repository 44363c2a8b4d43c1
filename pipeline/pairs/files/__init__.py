"""The formats of files of pairs, each in a file here: a reader yields the pair of every line while it reads."""
