"""Vectors of a million texts: WordLlama's, from its wheel without a download, made once and kept on disk."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from wordllama import WordLlama

from process.progress import Reporter

EMBEDDING_SPACE = "wordllama-l2-supercat-256-title-1"
DIMENSION = 256

_TEXTS_AT_ONCE = 20_000


def vectors_of(texts: Sequence[str], cache: Path, reporter: Reporter) -> NDArray[np.float16]:
    """Embed each text as the mean of its word vectors, or map what an earlier run made of the same texts.

    Args:
        texts: n English texts.
        cache: A folder for the vectors, and for the tokenizer's copy.
        reporter: Told of progress.

    Returns:
        float16 [n, 256], memory-mapped; of unit norm, and zero where no word of a text is known.
    """
    file = cache / f"vectors-{_digest(texts)}.npy"
    if not file.exists():
        _write(file, texts, cache, reporter)
    vectors: NDArray[np.float16] = np.load(file, mmap_mode="r")
    return vectors


def _write(file: Path, texts: Sequence[str], cache: Path, reporter: Reporter) -> None:
    """Embed into a file beside, and give it its name when it is whole."""
    _copy_tokenizers(cache / "tokenizers")
    model = WordLlama.load(cache_dir=cache, dim=DIMENSION, disable_download=True)
    unfinished = file.with_name(f"{file.name}.unfinished-{os.getpid()}")
    out = np.lib.format.open_memmap(unfinished, mode="w+", dtype=np.float16, shape=(len(texts), DIMENSION))
    with reporter.step("Embed the titles", len(texts)) as step:
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = list(texts[start : start + _TEXTS_AT_ONCE])
            out[start : start + len(some)] = _unit(model.embed(some))
            step.advance(len(some))
    out.flush()
    unfinished.replace(file)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(np.nan_to_num(vectors), axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit


def _digest(texts: Sequence[str]) -> str:
    whole = hashlib.sha256(EMBEDDING_SPACE.encode())
    for text in texts:
        whole.update(text.encode() + b"\0")
    return whole.hexdigest()[:16]


def _copy_tokenizers(folder: Path) -> None:
    """WordLlama looks for them in its cache, not where its wheel puts them."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in resources.files("wordllama").joinpath("tokenizers").iterdir():
        if file.name.endswith(".json"):
            with resources.as_file(file) as path:
                shutil.copyfile(path, folder / file.name)
