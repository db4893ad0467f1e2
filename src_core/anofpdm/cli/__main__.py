"""`python -m anofpdm.cli` does what `anofpdm` does."""

from anofpdm.cli import main

main()
