"""The commands about a language's champion: retrain, champion, rollback."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

import typer
from pydantic import ValidationError
from rich.table import Table

from flows.starting import start_flow
from flows.terminal import AsJson, StoreUri, one_line_errors, out, plain, print_json
from saga_core import languages
from saga_core.artifacts.champion import Entry, restorable
from saga_core.artifacts.inventory import require
from saga_core.artifacts.pointer import Pointer, languages_with_champions
from saga_core.artifacts.store import Store
from saga_core.environment import DEFAULT_STORE
from saga_core.errors import UserError
from saga_core.evaluation.guards import Guards
from saga_core.recipe_file import load_recipe
from tasks.opening import open_session
from tasks.report import report_unchanged

RecipeName = Annotated[str, typer.Argument(help="A name that `saga recipes` lists, or the path of a YAML file.")]
Language = Annotated[str, typer.Argument(help="A language's code, such as nb.")]
SomeLanguage = Annotated[str | None, typer.Argument(help="A language's code, such as nb; default: all.")]
To = Annotated[
    int | None,
    typer.Option("--to", metavar="N", min=0, help="Entry of the history; 0 for no champion; default: the one before."),
]
_DEFAULT = Guards()
Significance = Annotated[float, typer.Option("--significance", help="Level of the paired test of the parse success.")]
PplRise = Annotated[float, typer.Option("--ppl-rise", help="Most that the perplexity may rise: 0.1 is 10%.")]
MattrFall = Annotated[float, typer.Option("--mattr-fall", help="Most that the diversity (MATTR) may fall.")]


@one_line_errors
def retrain(
    recipe: RecipeName,
    store: StoreUri = DEFAULT_STORE,
    significance: Significance = _DEFAULT.significance,
    ppl_rise: PplRise = _DEFAULT.ppl_rise,
    mattr_fall: MattrFall = _DEFAULT.mattr_fall,
    as_json: AsJson = False,
) -> None:
    """Run a recipe, and make its adapter the language's champion if it is better; else keep the champion."""
    from tasks.retraining import settled

    guards = _guards(significance=significance, ppl_rise=ppl_rise, mattr_fall=mattr_fall)
    session = open_session(load_recipe(recipe), store)
    if done := settled(session, guards):
        verdict, outcomes = done
        result = report_unchanged(session, outcomes) | verdict.as_dict()
    else:
        options = [part for name, value in guards for part in (f"--{name.replace('_', '-')}", f"{value:g}")]
        again = ["retrain", recipe, *options, "--store", store]
        result = start_flow(session, lambda: _retrain(recipe, guards, store), lambda made: again)
    _print_verdict(session.recipe.language, result)
    if as_json:
        print_json(result)


@one_line_errors
def champion(language: SomeLanguage = None, store: StoreUri = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Show who is a language's champion, and the history: who was it before, and why."""
    opened = Store(store)
    require(opened.storage)
    codes = [languages.get(language).code] if language else languages_with_champions(opened)
    histories = {code: Pointer(opened, code).history() for code in codes}
    if not any(histories.values()):
        raise UserError(f"no champion{f' of {language}' if language else ''} yet", opened.uri, "saga retrain makes one")
    for code, history in histories.items():
        if history:
            _print_history(code, history)
    if as_json:
        rows = {code: [entry.model_dump(mode="json") for entry in history] for code, history in histories.items()}
        now = {code: history[-1] if history else None for code, history in rows.items()}
        print_json({"store": opened.uri, "champions": now, "histories": rows})


@one_line_errors
def rollback(language: Language, to: To = None, store: StoreUri = DEFAULT_STORE, as_json: AsJson = False) -> None:
    """Make an earlier champion the champion again; a new entry of the history, which can be undone in the same way."""
    opened = Store(store)
    require(opened.storage)
    entry = Pointer(opened, languages.get(language).code).roll_back(to)
    who = f"{entry.champion.recipe}, {entry.champion.uri}" if entry.champion else "none"
    out.print(plain(f"entry {entry.number}: {language} {entry.title}; champion: {who}"))
    if as_json:
        print_json({"store": opened.uri, "language": language, "champion": entry.model_dump(mode="json")})


def _retrain(recipe: str, guards: Guards, store: str) -> dict[str, Any]:
    from flows.retrain import retrain as retrain_flow

    state = retrain_flow(recipe, guards, store, return_state=True)
    return cast(dict[str, Any], state.result())


def _guards(**values: float) -> Guards:
    try:
        return Guards(**values)
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{str(first['loc'][0]).replace('_', '-')} {first['input']:g}"
        raise UserError(first["msg"][:1].lower() + first["msg"][1:], option, "correct the value") from error


def _print_verdict(language: str, result: dict[str, Any]) -> None:
    from tasks.retraining import Verdict

    entry = Entry.model_validate(result["champion"]) if result["champion"] else None
    verdict = Verdict(result["verdict"], tuple(result["reasons"]), entry)
    out.print(plain(f"{language}: {verdict.said}", "bold"))
    for reason in result["reasons"]:
        out.print(plain(f"  {reason}"))
    if entry and entry.champion:
        out.print(plain(f"champion {entry.number}: {entry.champion.recipe}, {entry.champion.uri}"))
        out.print(plain(f"card: {entry.champion.card}"))
    else:
        out.print(plain(f"{language} has no champion"))


def _print_history(language: str, history: Sequence[Entry]) -> None:
    last, kept = history[-1], {entry.champion.adapter for entry in restorable(history) if entry.champion}
    name = f"champion {last.number}" if last.champion else "no champion"
    out.print(plain(f"{language}: {name}", "bold"))
    if last.champion:
        for key, text in (("adapter", last.champion.uri), ("card", last.champion.card)):
            out.print(plain(f"  {key}: {text}"))
    for reason in last.reasons:
        out.print(plain(f"  {reason}"))
    table = Table("entry", "when (UTC)", "what", "recipe", "parse success", "who", "kept", box=None)
    for entry in reversed(history):
        made = entry.champion
        success = made.figures.get("parse_success") if made else None
        table.add_row(
            str(entry.number),
            entry.when[:16].replace("T", " "),
            entry.title,
            plain(made.recipe if made else "-"),
            f"{100 * success.value:.1f}%" if success else "-",
            plain(entry.who),
            "yes" if made and made.adapter in kept else "-",
        )
    out.print(table)
