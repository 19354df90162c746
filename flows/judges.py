"""The commands about judges: train one from a treebank, and check what one is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from flows.terminal import AsJson, StoreUri, one_line_errors, out, plain, print_json
from saga_core.environment import DEFAULT_STORE
from saga_core.errors import UserError
from saga_core.paths import path_of
from saga_core.recipe import JudgeRequest, ParserSettings, PassRule, ScoringSettings
from saga_core.recipe_file import load_recipe
from saga_core.reporting.stage_facts import JUDGE_SCORES
from tasks.judging import open_judge, train_judge

if TYPE_CHECKING:
    from saga_core.judges.checking import Finding
    from saga_core.judges.protocol import Judge

app = typer.Typer(help="Judges: train one from a treebank, check one.", no_args_is_help=True)

_STEPS = ParserSettings.model_fields["steps"].default

Language = Annotated[str, typer.Option("--language", metavar="CODE", help="Code of the language, such as fo.")]
Treebank = Annotated[
    str,
    typer.Option(
        "--treebank",
        metavar="URI",
        help="CoNLL-U: a file, or a folder with UD's train, dev and test; a path, s3://, hf://datasets/… or https://.",
    ),
]
Steps = Annotated[int, typer.Option("--steps", min=2, help="Most training steps, of up to 1,000 words.")]
CheckedSteps = Annotated[int | None, typer.Option("--steps", min=2, help="With --judge treebank:URI: its steps.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of weights and order.")]
RecipeName = Annotated[str | None, typer.Argument(help="The recipe whose judge is checked; or give --judge.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; repeatable.")]
JudgeName = Annotated[
    str | None,
    typer.Option(
        "--judge", metavar="KIND[:MODEL]", help="spacy:PACKAGE, stanza:CODE, greynir, udpipe:FILE or treebank:URI."
    ),
]
LanguageOrNone = Annotated[str | None, typer.Option("--language", metavar="CODE", help="With --judge: its language.")]
Heldout = Annotated[
    str | None,
    typer.Option(
        "--treebank",
        metavar="FILE",
        help="CoNLL-U that the judge has not learned from; default: the recipe's.",
    ),
]
Text = Annotated[
    str | None,
    typer.Option("--text", metavar="FILE", help="Text (.txt, .jsonl) from which it learns what is no sentence."),
]
Rule = Annotated[
    PassRule | None,
    typer.Option(
        "--pass-rule", help="With --judge: default grammar for one that has learned what is no sentence, else saga."
    ),
]
Real = Annotated[
    str | None,
    typer.Option("--real", metavar="FILE", help="Real text (.txt, .jsonl); default: the treebank's sentences."),
]
Labelled = Annotated[
    str | None,
    typer.Option("--labelled", metavar="FILE", help="Sentences with `text` and `label` (.jsonl, .csv, .tsv)."),
]
Sentences = Annotated[int, typer.Option("--sentences", min=10, help="Most sentences of a kind.")]


@app.command()
@one_line_errors
def train(
    language: Language,
    treebank: Treebank,
    text: Text = None,
    store: StoreUri = DEFAULT_STORE,
    steps: Steps = _STEPS,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Train a judge from a UD treebank: some minutes on a CPU; what the store has is not made again."""
    request = _request(language, {"kind": "treebank", "model": treebank, "text": text, "steps": steps}, seed)
    trained = train_judge(request, Path(), store)
    headline = trained.record.headline
    table = Table("", "", box=None, show_header=False)
    for name, key in JUDGE_SCORES:
        if key in headline:
            table.add_row(name, f"{100 * headline[key]:.1f}%")
    sizes = ", ".join(f"{headline[f'{part}_sentences']:,} {part}" for part in ("train", "dev", "test"))
    table.add_row("sentences", sizes)
    if text:
        table.add_row("of text", f"{headline['text_sentences']:,}")
    out.print(table)
    out.print(
        f"{'cached' if trained.cached else 'trained'}; scores on the test part, from its raw text", highlight=False
    )
    out.print(plain(f"judge: {trained.store.reference(trained.record).uri}"))
    also = f", steps: {steps}" * (steps != _STEPS) + (f", text: {text}" if text else "")
    out.print(plain(f"in a recipe of seed {seed}: judge: {{kind: treebank, model: {treebank}{also}}}"))
    if as_json:
        print_json({"key": trained.record.key, "cached": trained.cached, **headline})


@app.command()
@one_line_errors
def check(
    recipe: RecipeName = None,
    set_: Settings = None,
    judge: JudgeName = None,
    language: LanguageOrNone = None,
    treebank: Heldout = None,
    text: Text = None,
    pass_rule: Rule = None,
    real: Real = None,
    labelled: Labelled = None,
    sentences: Sentences = 1_000,
    steps: CheckedSteps = None,
    seed: Seed = 0,
    store: StoreUri = DEFAULT_STORE,
    as_json: AsJson = False,
) -> None:
    """Measure how well a judge tells right sentences from wrong ones, with 95% intervals."""
    if (recipe is None) == (judge is None):
        raise UserError("give a recipe or --judge, one of the two", "saga judge check", "saga judge check --help")
    for name, value in (
        ("--text", text),
        ("--steps", steps),
        ("--language", language),
        ("--pass-rule", pass_rule),
    ):
        if recipe is not None and value is not None:
            raise UserError(f"{name} is for --judge", "saga judge check", "with a recipe use --set KEY=VALUE")
    folder, unit = Path(), ScoringSettings().unit
    if recipe is not None:
        loaded = load_recipe(recipe, set_ or ())
        folder, asked = loaded.folder, loaded.recipe
        unit, pass_rule = asked.scoring.unit, asked.scoring.pass_rule
        request = JudgeRequest(**{name: getattr(asked, name) for name in JudgeRequest.model_fields})
        treebank = treebank or asked.evaluation.scala.treebank
    else:
        if language is None or treebank is None:
            raise UserError("--judge needs --language and --treebank", "saga judge check", "give them")
        kind, _, model = str(judge).partition(":")
        request = _request(
            language, {"kind": kind, "model": model or None, "text": text, "steps": steps or _STEPS}, seed
        )
    opened = partial(open_judge, request, folder, store, unit, pass_rule)
    findings = _findings(opened, request.language, folder, treebank, real, labelled, sentences, seed)
    _print_findings(findings)
    if as_json:
        print_json({"findings": [_as_json(finding) for finding in findings]})


def _request(language: str, judge: dict[str, Any], seed: int) -> JudgeRequest:
    try:
        request = {"name": f"judge-{language}", "language": language, "seed": seed, "judge": judge}
        return JudgeRequest.model_validate(request)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(message[:1].lower() + message[1:], where, "see saga judge --help") from error


def _findings(
    opened: Callable[[], Judge],
    language: str,
    folder: Path,
    treebank: str,
    real: str | None,
    labelled: str | None,
    n: int,
    seed: int,
) -> list[Finding]:
    from saga_core.corpus.labelled import read_labelled
    from saga_core.corpus.treebank import read_treebank
    from saga_core.judges.checking import check as check_judge
    from saga_core.outside import Pinner

    pin = Pinner(folder)
    # All that may be wrong with the input comes before what takes minutes.
    sentences = read_treebank(pin.file(treebank, "--treebank").location)
    texts = _sentences(pin.file(real, "--real").location, language, n) if real else []
    labels = read_labelled(path_of(labelled, "--labelled")) if labelled else []
    return check_judge(opened(), sentences, texts, labels, n, seed)


def _sentences(path: str, language: str, n: int) -> list[str]:
    """Return the first good sentences of a file of documents."""
    from itertools import islice

    from saga_core.corpus.sentences import clean, good_sentences
    from saga_core.corpus.sources import read_documents
    from saga_core.outside import Outside
    from saga_core.recipe import CorpusSettings, TextSource

    least, most = (CorpusSettings.model_fields[name].default for name in ("min_words", "max_words"))
    documents = read_documents(TextSource(path=path), Outside({}, path), 0)
    found = (s for document in documents for s in good_sentences(clean(document), language, least, most))
    sentences = list(islice(found, n))
    if not sentences:
        raise UserError("no whole sentence is here", f"--real {path}", "give running text")
    return sentences


def _print_findings(findings: Sequence[Finding]) -> None:
    table = Table("", "", "", box=None)
    for name in ("figure", "95% interval", "n"):
        table.add_column(name, justify="right")
    before = ""
    for finding in findings:
        estimate, percent = finding.estimate, finding.measure == "PS"
        value, low, high = (_shown(x, percent) for x in (estimate.value, estimate.low, estimate.high))
        group = finding.group if finding.group != before else ""
        table.add_row(group, finding.name, finding.measure, value, f"{low} – {high}", f"{estimate.n:,}")
        before = finding.group
    out.print(table, highlight=False)


def _shown(value: float, percent: bool) -> str:
    return f"{100 * value:.1f}%" if percent else f"{value:.3f}".replace("-", "−")


def _as_json(finding: Finding) -> dict[str, Any]:
    return {"group": finding.group, "name": finding.name, "measure": finding.measure, **vars(finding.estimate)}
