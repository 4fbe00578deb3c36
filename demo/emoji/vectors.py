"""Word vectors from a wheel: WordLlama's weights, without a download."""

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from wordllama import WordLlama

EMBEDDING_SPACE = "wordllama-l2-supercat-256-emoji-name-1"
DIMENSION = 256


def embed(texts: list[str], cache: Path) -> NDArray[np.float16]:
    """Embed each text as the mean of its word vectors.

    Args:
        texts: English words.
        cache: A folder for the tokenizer's copy: WordLlama looks for it there, not where its wheel puts it.

    Returns:
        float16 [len(texts), 256], of unit norm up to the rounding to float16.
    """
    _copy_tokenizers(cache / "tokenizers")
    model = WordLlama.load(cache_dir=cache, dim=DIMENSION, disable_download=True)
    vectors: NDArray[np.float32] = model.embed(texts, norm=True)
    return vectors.astype(np.float16)


def _copy_tokenizers(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file in resources.files("wordllama").joinpath("tokenizers").iterdir():
        if file.name.endswith(".json"):
            with resources.as_file(file) as path:
                shutil.copyfile(path, folder / file.name)
