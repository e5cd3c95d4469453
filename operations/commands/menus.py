"""`bin/kibaba menus …`."""

import json
import sys
from pathlib import Path

import click

from menus import DefinitionError, load_graph
from menus import lint as find_faults
from menus.engine import draw
from operations.walks.run import Tally
from operations.walks.run import run as run_walks
from operations.walks.walker import WalkError

_TOLD_EVERY = 500

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


@menus.command()
@_folder
@click.option("--count", type=click.IntRange(min=1), default=2000, help="How many walks.")
@click.option("--seed", type=int, default=0, help="Of the first walk; the others count on from it.")
@click.option("--steps", type=click.IntRange(1, 200), default=25, help="Of each walk.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def walk(folder: Path | None, count: int, seed: int, steps: int, as_json: bool) -> None:
    """Walk through the menus at random: posts repeated, lost and late, processes ended, Redis emptied.

    Every reply is compared with a model of what is right. Nothing is connected to. The exit code is 1 when a
    reply is wrong; the walk that led to it is told, and its seed walks it again.
    """

    def tell(tally: Tally) -> None:
        if not as_json and tally.walks % _TOLD_EVERY == 0:
            click.echo(f"{tally.walks:,} of {count:,} walks, {tally.posts:,} posts", err=True)

    try:
        tally = run_walks(count, seed=seed, steps=steps, folder=folder, told=tell)
    except WalkError as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(tally.as_dict()))
    else:
        click.echo(
            f"{tally.walks:,} walks, {tally.posts:,} posts, {tally.joined:,} joined, {tally.saved:,} saved: "
            f"every reply right, in {tally.seconds:.0f} s"
        )
