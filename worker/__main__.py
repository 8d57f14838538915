"""`python -m worker` = `alerta`."""

from worker.cli import main

main()
