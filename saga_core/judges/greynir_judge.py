"""The Greynir judge: a constituency grammar of Icelandic, of which a sentence has a tree or has none.

A statistical parser parses anything. Greynir (https://greynir.is) has the agreement of subject and verb, that within
noun phrases, and the frames of verbs in its grammar; a predicate that does not agree ("Stelpan er gamall") it prefers
not to see, but takes. A sentence passes when it has a tree, and in it

* a *verbal root*: a main clause (``IP``) with a finite verb, and
* a *subject* of such a clause: an ``NP-SUBJ`` in whatever case its verb wants it; the expletive ``NP-ES``; a clause
  (``IP-INF-SUBJ``, ``CP-THT-SUBJ``, ``CP-QUE-SUBJ``); or the ``NP`` that a question (``S-QUE``) puts before it.

A main clause is one that is in no other clause or noun phrase, those of a quotation included. As with Universal
Dependencies, what has no subject does not pass: fragments, imperatives, and the impersonal passives ("Þá var stefnt
að því") that Icelandic forms without one.

The quality of a sentence that passes is the mean of four components, each in [0, 1]: ``resolved``, the share of its
words that Greynir's lexicon has or its rules of compounding and naming make; ``every_subject``, 1 where every main
clause with a finite verb has a subject, else 0.5; and ``length`` and ``closed`` of ``saga_core.judges.rules``.
"""

from __future__ import annotations

import multiprocessing
import signal
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError as NotHeardOf
from concurrent.futures.process import BrokenProcessPool
from statistics import fmean

from pebble import ProcessExpired, ProcessFuture, ProcessPool
from reynir import Greynir
from reynir.grammar import GrammarError
from reynir.simpletree import SimpleTree
from tokenizer import split_into_sentences

from saga_core.errors import StageError, UserError
from saga_core.judges.rules import NO_SUBJECT, NO_VERBAL_ROOT, Unit, closed, has_word, length, text_lines, whole_text
from saga_core.judges.verdict import SentenceVerdict, Verdict
from saga_core.judges.worker import end_with_parent
from saga_core.progress import Tick

NO_TREE = "no parse"
FOREIGN = "not Icelandic"
TOO_LONG = "too long to parse"
TOO_SLOW = "took too long to parse"

# Words and marks: time grows with their cube, and as many words get nothing for their length.
_MAX_TOKENS = 80
# Of the processor and not of the clock, for a verdict must not depend on what else the machine does; some eight times
# what the slowest sentence took, so that it does not depend on the machine either.
_SECONDS = 60.0
# By the clock, for a process of which nothing more is heard.
_SILENCE = 3600.0
# Sentences that wait for a process.
_AHEAD = 256
# Infinitive, present and past participle, supine. Impersonal verbs are finite without a person.
_NOT_FINITE = frozenset({"nh", "lh", "lhþt", "sagnb"})
_SUBJECTS = frozenset({"NP-SUBJ", "NP-ES", "IP-INF-SUBJ", "CP-THT-SUBJ", "CP-QUE-SUBJ"})
_QUOTED = "CP-QUOTE"


class GreynirJudge:
    """Judges Icelandic texts by Greynir, each sentence for itself, in processes that live as long as this object.

    Args:
        unit: Whether all sentences of a text are judged or the first alone.
        workers: Processes to judge with.
        seconds: Processor time that one sentence may take; one that takes more does not pass, and says so.

    Raises:
        UserError: The grammar cannot be loaded.
    """

    def __init__(self, unit: Unit, workers: int = 1, seconds: float = _SECONDS) -> None:
        self._unit, self._workers, self._seconds = unit, workers, seconds
        self._started: ProcessPool | None = None
        _load()

    def judge(self, texts: Sequence[str], tick: Tick) -> list[Verdict]:
        """Judge texts; see ``Judge.judge``.

        Raises:
            StageError: A process died, as for want of memory.
        """
        split = [self._sentences(text) for text in texts]
        judged = self._judged([sentence for of_text in split for sentence in of_text])
        verdicts = []
        for of_text in split:
            verdicts.append(whole_text([next(judged) for _ in of_text]))
            tick(1)
        return verdicts

    def _sentences(self, text: str) -> list[str]:
        split = (s for line in text_lines(text) for s in split_into_sentences(line, original=True))
        worded = [sentence.strip() for sentence in split if has_word(sentence)]
        return worded[:1] if self._unit == "first_sentence" else worded

    def _judged(self, sentences: Sequence[str]) -> Iterator[SentenceVerdict]:
        waiting: deque[tuple[str, ProcessFuture[SentenceVerdict]]] = deque()
        try:
            for sentence in sentences:
                waiting.append((sentence, self._schedule(sentence)))
                if len(waiting) > _AHEAD:
                    yield _result(*waiting.popleft())
            while waiting:
                yield _result(*waiting.popleft())
        finally:
            for _, future in waiting:
                future.cancel()

    def _schedule(self, sentence: str) -> ProcessFuture[SentenceVerdict]:
        return self._pool().schedule(_judge_in_worker, (sentence, self._seconds), timeout=_SILENCE)

    def _pool(self) -> ProcessPool:
        """Return the processes, new ones where there are none or a process died while it had nothing to do."""
        if self._started is None or not self._started.active:
            # Not fork: it would copy the locks of whatever threads the caller runs.
            spawn = multiprocessing.get_context("spawn")
            self._started = ProcessPool(self._workers, initializer=_start_worker, context=spawn)
            weakref.finalize(self, _end, self._started)
        return self._started


def _end(pool: ProcessPool) -> None:
    pool.stop()
    pool.join()


def _result(sentence: str, future: ProcessFuture[SentenceVerdict]) -> SentenceVerdict:
    try:
        return future.result()
    except (ProcessExpired, BrokenProcessPool, NotHeardOf) as error:
        if isinstance(error, ProcessExpired) and error.exitcode == -signal.SIGPROF:
            return _failed(sentence, TOO_SLOW)
        what = f"a process of the judge died with {sentence[:60]!r} to judge"
        raise StageError(what, "Greynir", "lower runtime.workers") from error


def _start_worker() -> None:
    end_with_parent()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    # No sentence should be charged with it.
    _load()


def _judge_in_worker(text: str, seconds: float) -> SentenceVerdict:
    # Its signal ends the process, which is in the parser's own code and would hear of no other limit.
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        return judge_sentence(text)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


# It loads its grammar, once a process, when it is first asked for a parser.
_greynir = Greynir()


def _load() -> None:
    try:
        _ = _greynir.parser
    except (OSError, GrammarError) as error:
        # The wheel has the grammar's text; its first user compiles it, into a file beside it.
        remedy = "let a user who may write into reynir's folder load it once"
        raise UserError(f"the grammar cannot be loaded ({error})", "Greynir", remedy) from error


def judge_sentence(text: str) -> SentenceVerdict:
    """Judge one sentence of Icelandic, in this process and without a limit of time.

    Returns:
        The verdict; one without a tree says why, one with a tree has its reasons in the order verbal root, subject.
    """
    sentence = next(iter(_greynir.submit(text)), None)
    if sentence is None:
        return _failed(text, NO_TREE)
    if len(sentence) > _MAX_TOKENS:
        return _failed(text, TOO_LONG)
    if sentence.is_foreign():
        return _failed(text, FOREIGN)
    tree = sentence.tree if sentence.parse() else None
    return _failed(text, NO_TREE) if tree is None else _judge_tree(text, tree)


def _judge_tree(text: str, tree: SimpleTree) -> SentenceVerdict:
    clauses = [node for node in _main(tree) if node.tag == "IP" and any(_is_finite(inner) for inner in _main(node))]
    asked = any(node.tag == "S-QUE" and any(child.tag == "NP" for child in node.children) for node in _main(tree))
    subjects = [asked or any(inner.tag in _SUBJECTS for inner in _main(clause)) for clause in clauses]
    reasons = [NO_VERBAL_ROOT] if not clauses else []
    if not any(subjects):
        reasons.append(NO_SUBJECT)
    words = [node for node in tree.descendants if node.is_terminal and has_word(node.text)]
    components = {
        "resolved": fmean(not _is_unknown(word) for word in words) if words else 0.0,
        "every_subject": 1.0 if all(subjects) else 0.5,
        "length": length(len(words)),
        "closed": closed(text),
    }
    quality = 0.0 if reasons else fmean(components.values())
    return SentenceVerdict(text, not reasons, quality, tuple(reasons), components)


def _failed(text: str, reason: str) -> SentenceVerdict:
    return SentenceVerdict(text, False, 0.0, (reason,), {})


def _main(tree: SimpleTree) -> Iterator[SimpleTree]:
    """Yield a node and what is below it, without looking into subordinate clauses and noun phrases."""
    yield tree
    for child in tree.children:
        tag = child.tag or ""
        if tag != _QUOTED and tag.startswith(("CP", "IP-", "NP")):
            yield child
        else:
            yield from _main(child)


def _is_finite(node: SimpleTree) -> bool:
    return node.is_terminal and node.tcat == "so" and _NOT_FINITE.isdisjoint(node.variants)


def _is_unknown(word: SimpleTree) -> bool:
    # A name of two words or more, a number or a date is a kind of its own; a single name in the lexicon has a category.
    return word.kind == "WORD" and not any(word.categories)
