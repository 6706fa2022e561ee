"""`python -m burnline` is the `burnline` command."""

from burnline.app.cli import main

main()
