"""Run the command line as `python -m anofpdm.cli`."""

from anofpdm.cli import main

main()
