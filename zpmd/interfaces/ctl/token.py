"""`zpmctl token`: the keys with which programs use the API, and people its dashboard. A key is printed once."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.text import Text

from zpmd.interfaces.ctl.client import segment
from zpmd.interfaces.ctl.lines import BAD, FAINT, GOOD, NOTICE, STRONG, Row, Zone, line, table
from zpmd.interfaces.ctl.options import Json, duration
from zpmd.interfaces.ctl.screen import Screen
from zpmd.interfaces.token_views import MadeTokenView, TokenView
from zpmd.interfaces.words import clean, clock, span
from zpmd.model.token import Scope

app = typer.Typer(
    name="token",
    help="Give out API keys, list them, and revoke them.",
    rich_markup_mode=None,
    invoke_without_command=True,
)
STATES = {"good": GOOD, "expired": NOTICE, "revoked": FAINT}


@app.callback()
def root(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the journal will call whoever has it.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may do; give it once for each.")],
    tenant: Annotated[
        str | None, typer.Option("--tenant", metavar="CODE", help="It sees and touches this tenant's alone.")
    ] = None,
    expires: Annotated[
        float | None, typer.Option(parser=duration, metavar="DURATION", help="It is good for so long.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an API key, and print it.

    It is shown this once: zpmd keeps no more of it than is needed to know it again.

    \b
    Examples:
      zpmctl token create grafana --scope read
      zpmctl token create acme-portal --scope read --scope operate --tenant acme --expires 90d
    """
    body = {"name": name, "scopes": [each.value for each in scope], "tenant": tenant, "expires_in_seconds": expires}
    made = ctx.obj.ask(MadeTokenView, "/v1/tokens", body)
    screen = Screen()
    if as_json:
        screen.say(True, made, [])
        return
    screen.raw(made.key)
    typer.echo(
        clean(f"token {made.token.id} ({made.token.name}) is made: keep the key, it is not shown again"), err=True
    )


@app.command("list")
def list_tokens(ctx: typer.Context, as_json: Json = False) -> None:
    """Show the API keys: what each may do, until when, and when it was used last.

    \b
    Examples:
      zpmctl token list --json | jq -r '.[] | select(.state == "good" and .used_at == null) | .id'
    """
    found = ctx.obj.get(list[TokenView], "/v1/tokens")
    screen = Screen()
    screen.say(as_json, found, token_lines(found, time.time(), screen.zone))


@app.command()
def revoke(
    ctx: typer.Context,
    id: Annotated[
        str, typer.Argument(metavar="ID", help="As `zpmctl token list` has it, or the second part of a key.")
    ],
    as_json: Json = False,
) -> None:
    """Have an API key be good for nothing, at once and for ever.

    Answers that are being given for it end too.

    \b
    Examples:
      zpmctl token revoke 06221eb9
    """
    done = ctx.obj.post(f"/v1/tokens/{segment(id, 'token')}/revoke")
    Screen().say(as_json, done, [line((done.detail, ""))])


def token_lines(tokens: list[TokenView], now: float, zone: Zone) -> list[Text]:
    """Pure. What is of use comes first."""
    if not tokens:
        return [line(("no tokens: `zpmctl token create NAME --scope read` makes one", ""))]
    titles: Row = [(title, FAINT) for title in ("ID", "NAME", "STATE", "SCOPES", "TENANT", "EXPIRES", "USED", "BY")]
    ordered = sorted(tokens, key=lambda token: (list(STATES).index(token.state), token.made_at, token.id))
    return table([titles, *(_row(token, now, zone) for token in ordered)])


def _row(token: TokenView, now: float, zone: Zone) -> Row:
    return [
        (token.id, STRONG),
        (token.name, ""),
        (token.state, STATES.get(token.state, BAD)),
        (",".join(token.scopes), ""),
        (token.tenant or "all", ""),
        ("never" if token.expires_at is None else clock(token.expires_at, now, zone), ""),
        ("never" if token.used_at is None else f"{span(now - token.used_at)} ago", FAINT),
        (token.made_by, FAINT),
    ]
