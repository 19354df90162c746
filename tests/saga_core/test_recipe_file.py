import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from saga_core import languages
from saga_core.errors import UserError
from saga_core.recipe import Recipe, RuntimeSettings
from saga_core.recipe_file import RECIPES, load_recipe, recipe_names, setting_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_is_valid_and_named_for_its_file(name: str) -> None:
    assert load_recipe(name).recipe.name == name


def test_the_defaults_are_the_cards() -> None:
    recipe = load_recipe("nb-llama-3.2-1b").recipe
    assert recipe.model.id == "meta-llama/Llama-3.2-1B"
    assert recipe.judge.model == "nb_core_news_lg"
    assert (recipe.sft.mode, recipe.sft.tau, recipe.sft.kl_weight, recipe.sft.epochs) == ("auto", 0.80, 0.10, 3)
    assert recipe.sft.min_quality == 0.65
    assert (recipe.generation.temperatures, recipe.generation.per_temperature) == ((0.7, 1.1), 4)
    assert (recipe.generation.max_new_tokens, recipe.generation.repetition_penalty) == (60, 1.3)
    assert recipe.scoring.mattr_weight == 0.2
    assert (recipe.pairs.min_gap, recipe.pairs.min_chosen) == (0.25, 0.20)
    assert (recipe.dpo.beta, recipe.dpo.epochs, recipe.dpo.batch_size, recipe.dpo.nll_weight) == (0.1, 2, 64, 0.0)
    assert (recipe.lora.r, recipe.lora.alpha, recipe.lora.dropout) == (16, 32, 0.05)
    assert len(recipe.lora.target_modules) == 7
    assert recipe.dpo.bf16
    assert recipe.sft.bf16
    assert recipe.corpus.train_sentences == 10_000
    assert recipe.corpus.heldout_prompts == 200


def test_the_ablation_differs_in_name_and_mode_only() -> None:
    one, other = (load_recipe(n).recipe.model_dump() for n in ("nb-llama-3.2-1b", "nb-llama-3.2-1b-forced-sft"))
    assert one.pop("name") != other.pop("name")
    assert (one["sft"].pop("mode"), other["sft"].pop("mode")) == ("auto", "force")
    assert one == other


def test_a_setting_is_replaced() -> None:
    loaded = load_recipe("demo", ["dpo.beta=0.2", "generation.temperatures=[0.5, 1.0]", "sft.learning_rate=1e-3"])
    assert loaded.recipe.dpo.beta == 0.2
    assert loaded.recipe.generation.temperatures == (0.5, 1.0)
    assert loaded.recipe.sft.learning_rate == 1e-3
    assert load_recipe("demo", ["corpus.sources.0.limit=7"]).recipe.corpus.sources[0].limit == 7


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dpo.betta=0.2", r"--set dpo\.betta=0\.2: unknown setting dpo\.betta; did you mean dpo\.beta\?"),
        ("beta=0.2", r"unknown setting beta; did you mean dpo\.beta\?"),
        ("dp.beta=0.2", r"unknown setting dp; did you mean dpo\?"),
        ("sft.tau=8", r"--set sft\.tau=8: input should be less than or equal to 1, not 8"),
        ("sft.mode=maybe", r"'auto', 'force' or 'skip'"),
        ("dpo.beta", r"not of the form key=value"),
        ("dpo.beta.x=1", r"beta is a value|dpo\.beta"),
        ("language=xx", r"xx"),
        ("corpus.sources.9.limit=1", r"9 is no position in a list of 1"),
        ("generation.per_temperature=0", r"greater than or equal to 1"),
        ("dpo.beta=.nan", r"dpo\.beta"),
    ],
)
def test_a_wrong_setting_is_one_line_that_helps(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        load_recipe("demo", [override])
    assert "\n" not in str(raised.value)


def edited(tmp_path: Path, old: str, new: str) -> str:
    path = tmp_path / "recipe.yaml"
    text = (RECIPES / "demo.yaml").read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nll_weight", "nll_wieght", r"recipe\.yaml: dpo\.nll_wieght: unknown setting.*did you mean dpo\.nll_weight\?"),
        ("name: demo\n", "", r"name: this setting is required"),
        ("name: demo\n", "name: [demo\n", r"recipe\.yaml:\d+: not YAML"),
        ("seed: 0", "seed: 0\nseed: 1", r"recipe\.yaml:\d+: not YAML: seed is set twice"),
        ("    - path: demo:text/articles.jsonl\n", "    - limit: 3\n", r"exactly one of path and hub"),
        ("kind: spacy", "kind: spaycy", r"judge\.kind.*'spacy'"),
        ("kind: spacy", "kind: greynir", r"judge: greynir takes no model: its one grammar comes with the library"),
        ("  model: demo:models/nb-spacy-judge\n", "", r"judge: spacy needs a model"),
    ],
)
def test_a_recipe_with_a_typo_is_one_line_with_its_place(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        load_recipe(edited(tmp_path, old, new))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("runtime.report_to=wandb", r"input should be a list, as \[a, b\], not 'wandb'"),
        ("evaluation.reading.source=a.json", r"input should be a group of settings, as \{name: value\}, not 'a.json'"),
    ],
)
def test_a_value_of_another_shape_is_told_without_pythons_words(setting: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe("demo", [setting])


def test_a_recipe_that_is_not_utf8_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes("name: blåbær".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        load_recipe(str(path))
    with pytest.raises(UserError, match="did you mean demo"):
        load_recipe("dmo")


@given(st.dictionaries(st.sampled_from(["name", "dpo", "sft", "x"]), st.none() | st.integers() | st.text(), min_size=1))
def test_whatever_the_yaml_holds_the_error_is_one_line(data: dict[str, object]) -> None:
    path = RECIPES.parent / "unused.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "is_file", lambda self: True)
        patch.setattr(Path, "read_text", lambda self, encoding: yaml.safe_dump(data))
        with pytest.raises(UserError) as raised:
            load_recipe(str(path))
    assert "\n" not in str(raised.value)


def test_all_settings_have_names() -> None:
    names = setting_names()
    assert {"dpo.beta", "evaluation.sampling.temperature", "corpus.sources.path", "runtime.device"} <= set(names)
    assert {f"runtime.{name}" for name in RuntimeSettings.model_fields} <= set(names)
    assert Recipe.model_config["extra"] == "forbid"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("dpo.beta=.inf", r"dpo\.beta=\.inf: .*finite"),
        ("lora.target_modules=[]", r"at least 1 item"),
        ("dpo={bta: 0.2}", r"--set dpo=\{bta: 0\.2\}: unknown setting dpo\.bta; did you mean dpo\.beta"),
        (".dpo=1", r"not of the form key=value"),
        ("seed=2020-13-45", r"not YAML"),
        ("corpus.sources.²=1", r"no position"),
        ("corpus.min_words=50", r"min_words is more than max_words"),
    ],
)
def test_odd_settings_are_one_line_too(override: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        load_recipe("demo", [override])
    assert "\n" not in str(raised.value)


def test_yaml_merge_keys_work(tmp_path: Path) -> None:
    path = edited(tmp_path, "probe:\n  max_new_tokens: 40\n", "probe: &shared\n  max_new_tokens: 7\n")
    text = (
        Path(path)
        .read_text(encoding="utf-8")
        .replace("  sampling:\n    max_new_tokens: 40", "  sampling:\n    <<: *shared")
    )
    Path(path).write_text(text, encoding="utf-8")
    assert load_recipe(path).recipe.evaluation.sampling.max_new_tokens == 7


def written(tmp_path: Path, **settings: object) -> str:
    """Write a recipe of Bokmål that names no more than it must, and these settings."""
    path = tmp_path / "short.yaml"
    data = {"name": "short", "language": "nb", "model": {"id": "org/base"}} | settings
    path.write_text(yaml.safe_dump({name: value for name, value in data.items() if value is not ...}), encoding="utf-8")
    return str(path)


def test_what_a_recipe_leaves_out_is_its_languages(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path)).recipe
    known = languages.get("nb")
    assert (recipe.corpus.sources, recipe.judge, recipe.evaluator) == (known.sources, known.judge, known.evaluator)
    assert recipe.evaluation.scala.treebank == known.treebank
    assert recipe.evaluation.summaries
    assert recipe.evaluation.reading
    assert (recipe.evaluation.summaries.source, recipe.evaluation.reading.source) == (known.summaries, known.reading)
    assert recipe.corpus.title == "Wiki"


def test_what_a_recipe_names_is_all_its_own(tmp_path: Path) -> None:
    recipe = load_recipe(
        written(
            tmp_path,
            corpus={"title": "News", "sources": [{"path": "news.txt"}]},
            judge={"kind": "stanza", "model": "nb"},
            evaluation={"scala": {"sentences": 7}, "summaries": None, "reading": {"source": {"path": "mine.json"}}},
        )
    ).recipe
    assert [(source.path, source.hub, source.limit) for source in recipe.corpus.sources] == [("news.txt", None, None)]
    assert (recipe.judge.kind, recipe.judge.model, recipe.judge.package) == ("stanza", "nb", "default")
    assert (recipe.evaluation.scala.sentences, recipe.evaluation.scala.treebank) == (7, languages.get("nb").treebank)
    assert recipe.evaluation.summaries is None
    assert recipe.evaluation.reading
    assert (recipe.evaluation.reading.source.path, recipe.evaluation.reading.source.hub) == ("mine.json", None)


def test_a_setting_in_place_of_the_languages_leaves_the_others(tmp_path: Path) -> None:
    overrides = ["judge.model=nb_core_news_sm", "corpus.sources.0.limit=7", "evaluation.reading.items=3"]
    recipe = load_recipe(written(tmp_path), overrides).recipe
    assert (recipe.judge.kind, recipe.judge.model) == ("spacy", "nb_core_news_sm")
    assert [(source.hub, source.limit) for source in recipe.corpus.sources] == [("wikimedia/wikipedia", 7)]
    assert recipe.evaluation.reading
    assert (recipe.evaluation.reading.items, recipe.evaluation.reading.source) == (3, languages.get("nb").reading)
    assert load_recipe(written(tmp_path), ["evaluation.reading=null"]).recipe.evaluation.reading is None
    # Nothing of it stays for the next recipe.
    assert load_recipe(written(tmp_path)).recipe.judge == languages.get("nb").judge


def test_a_group_that_yaml_names_twice_is_filled_in_for_each(tmp_path: Path) -> None:
    path = Path(written(tmp_path))
    text = path.read_text(encoding="utf-8")
    path.write_text(f"{text}evaluation:\n  summaries: &few {{items: 5}}\n  reading: *few\n", encoding="utf-8")
    evaluation = load_recipe(str(path)).recipe.evaluation
    assert evaluation.summaries
    assert evaluation.reading
    assert (evaluation.summaries.source, evaluation.reading.source) == (
        languages.get("nb").summaries,
        languages.get("nb").reading,
    )
    assert (evaluation.summaries.items, evaluation.reading.items) == (5, 5)


@pytest.mark.parametrize(
    ("settings", "overrides", "message"),
    [
        ({"language": ...}, [], r"short\.yaml: language: this setting is required"),
        ({"language": False}, [], r"short\.yaml: language: input should be a valid string, not False"),
        ({"language": ["nb"]}, [], r"short\.yaml: language: input should be a valid string"),
        ({"language": "bokmål"}, [], r"language: unknown language 'bokmål'; did you mean 'nb'"),
        ({}, ["language=xx"], r"unknown language 'xx'"),
        ({"corpus": None}, [], r"short\.yaml: corpus: "),
        ({"evaluation": 3}, [], r"short\.yaml: evaluation: "),
        ({"judge": {"model": "nb"}}, [], r"short\.yaml: judge\.kind: this setting is required"),
        ({}, ["judge.kind=greynir"], r"--set judge\.kind=greynir: greynir takes no model"),
        ({"judge": {"kind": "udpipe"}}, [], r"short\.yaml: judge: udpipe needs a model"),
    ],
)
def test_a_mistake_in_a_short_recipe_is_one_line(
    tmp_path: Path, settings: dict[str, object], overrides: list[str], message: str
) -> None:
    with pytest.raises(UserError, match=message) as raised:
        load_recipe(written(tmp_path, **settings), overrides)
    assert "\n" not in str(raised.value)


def test_what_neither_recipe_nor_language_has_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "qaa.py").write_text(
        "from saga_core.languages import Language\n"
        'LANGUAGE = Language("qaa", "Private", "QAA", "{text}:", "{text} {question}:", "Private")\n'
    )
    monkeypatch.setattr(languages, "__path__", [*languages.__path__, str(tmp_path)])
    given: dict[str, object] = {"language": "qaa", "corpus": {"sources": [{"path": "a.txt"}]}}
    with pytest.raises(UserError, match=r"judge: this setting is required"):
        load_recipe(written(tmp_path, **given))
    given |= {"judge": {"kind": "greynir"}, "evaluator": {"kind": "stanza", "model": "qaa"}}
    with pytest.raises(UserError, match=r"evaluation: this setting is required"):
        load_recipe(written(tmp_path, **given))
    recipe = load_recipe(written(tmp_path, **given, evaluation={"scala": {"treebank": "qaa.conllu"}})).recipe
    assert (recipe.evaluation.summaries, recipe.evaluation.reading) == (None, None)
    sys.modules.pop("saga_core.languages.qaa")
