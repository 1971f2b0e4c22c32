"""`zpmctl patch`: its commands are elsewhere; here they become one group."""

from __future__ import annotations

import typer

from zpmd.interfaces import ctl_patch_files as files

app = typer.Typer(
    name="patch",
    help="Make patch files, check them, and look at what became of them.",
    rich_markup_mode=None,
    invoke_without_command=True,
)


@app.callback()
def root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


for command in (files.build, files.sign, files.verify, files.keygen):
    app.command()(command)
