"""`zpmctl patch`: its commands are elsewhere; here they become one group."""

from __future__ import annotations

import typer

from zpmd.interfaces.ctl import patch_files as files
from zpmd.interfaces.ctl import patches as look

app = typer.Typer(
    name="patch",
    help="Make patch files, check them, look at what became of them, and take them back.",
    rich_markup_mode=None,
    invoke_without_command=True,
)


@app.callback()
def root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


app.command("list")(look.list_patches)
app.command()(look.show)
app.command()(look.plan)
app.command()(look.revert)
for command in (files.build, files.sign, files.verify, files.keygen):
    app.command()(command)
