"""`bin/kibaba menus …`."""

import sys
from pathlib import Path

import click

from menus import DefinitionError, load_graph
from menus import lint as find_faults
from menus.engine import draw

_folder = click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With screens/ and texts/; Kibaba's own menus when left out.",
)


@click.group()
def menus() -> None:
    """What callers see."""


@menus.command()
@_folder
def lint(folder: Path | None) -> None:
    """Say what is wrong with the menus, by file and line. The exit code is 1 when anything is."""
    findings = find_faults(folder)
    for finding in findings:
        click.echo(str(finding))
    if findings:
        sys.exit(1)
    click.echo("the menus are sound")


@menus.command()
@_folder
@click.option("--format", "kind", type=click.Choice(["mermaid", "svg"]), default="mermaid")
@click.option("--language", default="en", help="Of the words in the SVG.")
def graph(folder: Path | None, kind: str, language: str) -> None:
    """Draw the menus."""
    try:
        loaded = load_graph(folder)
    except DefinitionError as error:
        for finding in error.findings:
            click.echo(str(finding), err=True)
        sys.exit(1)
    click.echo(draw.mermaid(loaded) if kind == "mermaid" else draw.svg(loaded, language))
