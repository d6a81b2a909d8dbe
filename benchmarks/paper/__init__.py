"""The paper's evaluation, one command a table or figure: ``python benchmarks/paper --help``."""
