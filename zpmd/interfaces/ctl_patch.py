"""`zpmctl patch`: its commands become one group here."""

from __future__ import annotations

import typer

from zpmd.interfaces import ctl_patches as patches

app = typer.Typer(
    name="patch",
    help="Look at patches, try one out on paper, take one back.",
    invoke_without_command=True,
    rich_markup_mode=None,
)


@app.callback()
def group(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


app.command("list")(patches.list_patches)
for command in (patches.show, patches.plan, patches.revert):
    app.command()(command)
