"""`python -m jangbu.cli`."""

from jangbu.cli import main

main()
