"""Rebuilds the base model: a tiny Llama for Norwegian Bokmål and its tokenizer, trained from scratch.

Data: the Norwegian Review Corpus, NoReC 2.1, https://github.com/ltgoslo/norec, CC BY-NC 4.0; by its terms
models trained on it may be used freely. Give either the corpus's folder `data/train`, or JSON lines
`{"id": ..., "text": ...}` (gzip if the name ends in .gz) of its files in the order of their names. The
shipped model was made from the 34,096 of its 34,749 reviews that are not in nynorsk, the other written
Norwegian.

Nynorsk is told by function words: a review is left out where ten frequent nynorsk forms together outnumber
their bokmål counterparts. Of those 34,096 reviews the rule leaves out none, of the other 653 it catches 645:
from JSON lines of the 34,096 the tokenizer comes out as shipped, byte for byte, from the folder slightly
different. The weights differ in any case, as the shipped model's learning rate and seed were not recorded.

A review is begin + its lines joined by newline + end. Lines under 25 characters or without final punctuation
are headings and credits, and go. The tokenizer learns from 12,000 reviews drawn with a fixed seed, the model
from all, shuffled with that seed and packed into blocks of 256 tokens.

    python -m saga_core.demo.rebuild.base_model --reviews reviews-train.jsonl.gz --out DIR
"""

import argparse
import gzip
import json
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

from saga_core.demo.rebuild.inputs import require

SEED = 0
BEGIN, END, PAD = SPECIAL_TOKENS = ("<|begin_of_text|>", "<|end_of_text|>", "<|pad|>")
# The trainer numbers the special tokens first, in their order.
BEGIN_ID, END_ID, PAD_ID = range(3)
VOCABULARY = 6144
TOKENIZER_REVIEWS = 12_000
CONTEXT = 256
BATCH = 16
# 8.9 million tokens, the shipped model's training, in batches of 16 blocks of 256.
MAX_STEPS = 2173

MIN_LINE = 25
FINAL_PUNCTUATION = tuple('.!?»"”:;)')
WORD = re.compile(r"\w+")
NYNORSK = ("ikkje", "eg", "ein", "eit", "dei", "frå", "meir", "kva", "noko", "vere")
BOKMAAL = ("ikke", "jeg", "en", "et", "de", "fra", "mer", "hva", "noe", "være")


def rebuild(source: Path, out: Path, max_steps: int = MAX_STEPS) -> None:
    """Trains tokenizer and model and writes them as `from_pretrained` reads them.

    Args:
        source: NoReC's folder `data/train`, or JSON lines with the field "text".
        out: The model's folder, made if it does not exist.
        max_steps: Training steps.
    """
    reviews = [text for text in _read_reviews(source) if not is_nynorsk(text)]
    chance = random.Random(SEED)
    sample = chance.sample(reviews, min(TOKENIZER_REVIEWS, len(reviews)))
    tokenizer = _train_tokenizer(filter(None, map(clean, sample)))
    chance.shuffle(reviews)
    data = _pack(filter(None, map(clean, reviews)), tokenizer, max_steps * BATCH)
    _save(_train_model(data, max_steps), tokenizer, out)


def is_nynorsk(text: str) -> bool:
    """Tells by function words whether a text is in nynorsk.

    Args:
        text: A review.

    Returns:
        True where the nynorsk forms outnumber the bokmål ones.
    """
    counts = Counter(WORD.findall(text.lower()))
    return sum(counts[word] for word in NYNORSK) > sum(counts[word] for word in BOKMAAL)


def clean(text: str) -> str:
    """Keeps a review's full lines, with runs of white space made one space.

    Args:
        text: A review.

    Returns:
        The lines that remain, joined by newline; possibly none.
    """
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if len(line) >= MIN_LINE and line.endswith(FINAL_PUNCTUATION))


def _read_reviews(path: Path) -> list[str]:
    """Reads the reviews in a fixed order."""
    if path.is_dir():
        return [file.read_text(encoding="utf-8") for file in sorted(path.glob("*.txt"))]
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def _train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """Trains the byte-level BPE, which puts the begin token before each text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A", pair=f"{BEGIN} $A $B", special_tokens=[(BEGIN, BEGIN_ID)]
    )
    return tokenizer


def _pack(texts: Iterable[str], tokenizer: Tokenizer, blocks: int) -> list[dict[str, torch.Tensor]]:
    """Cuts the stream of encoded reviews into blocks of the context's length."""
    stream: list[int] = []
    for text in texts:
        stream += [*tokenizer.encode(text).ids, END_ID]
        if len(stream) >= blocks * CONTEXT:
            break
    rows = torch.tensor(stream[: len(stream) // CONTEXT * CONTEXT]).view(-1, CONTEXT)[:blocks]
    return [{"input_ids": row, "labels": row} for row in rows]


def _train_model(data: Sequence[dict[str, torch.Tensor]], max_steps: int) -> LlamaForCausalLM:
    """Trains the model from scratch, with warm-up, a constant learning rate and a linear decay."""
    set_seed(SEED)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=6,
        max_position_embeddings=2 * CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=BEGIN_ID,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
    )
    model = LlamaForCausalLM(config)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=max_steps,
            per_device_train_batch_size=BATCH,
            # Rate and lengths of the schedule are our choice, usual for this size: they were not recorded.
            learning_rate=2e-3,
            weight_decay=0.05,
            adam_beta1=0.9,
            adam_beta2=0.95,
            lr_scheduler_type="warmup_stable_decay",
            warmup_steps=max_steps // 20,
            lr_scheduler_kwargs={"num_decay_steps": max_steps // 4, "decay_type": "linear"},
            logging_steps=50,
            save_strategy="no",
            report_to="none",
            seed=SEED,
            use_cpu=True,
        )
        Trainer(model=model, args=arguments, train_dataset=data).train()
    # The trainer turns the cache off, and generation from the published model needs it.
    model.config.use_cache = True
    return model


def _save(model: LlamaForCausalLM, tokenizer: Tokenizer, out: Path) -> None:
    """Writes model and tokenizer as `from_pretrained` reads them, the weights in half precision."""
    # config.json keeps float32, so loading upcasts: half the size, and no half-precision arithmetic on a CPU.
    half = {name: tensor.half() for name, tensor in model.state_dict().items() if name != "lm_head.weight"}
    model.save_pretrained(out, state_dict=half)
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it without annotations
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        model_max_length=CONTEXT,
    ).save_pretrained(out)


def main(argv: Sequence[str] | None = None) -> int:
    """Reads the command line and rebuilds the base model.

    Args:
        argv: The arguments; those of the process if None.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="base_model", description="Rebuild the base model from NoReC.")
    parser.add_argument("--reviews", type=Path, required=True, help="NoReC's data/train, or JSON lines of it")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--max-steps", type=int, default=MAX_STEPS, help="training steps (%(default)s)")
    args = parser.parse_args(argv)
    require(parser, args.reviews, "NoReC's data/train, or JSON lines of it")
    rebuild(args.reviews, args.out, args.max_steps)
    return 0


if __name__ == "__main__":
    sys.exit(main())
