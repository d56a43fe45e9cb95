"""One module for each subcommand: parse, call, report. They import click alone until a command runs."""
