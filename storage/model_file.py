"""model.toml: the model's parameters for one embedding space, calibrated once and kept for years."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from model.errors import InvalidInputError
from model.fusing import FusePolicy
from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.errors import DataError, PublishError
from storage.syncing import replace_text
from storage.toml_files import TomlTable, read_toml, toml_text

_TOP = ("version", "embedding_space", "parameters", "fusing")
_SPACE = ("name", "dimension")
_PARAMETERS = ("alpha", "lambda_per_day", "window_days")
_FUSING = ("n_representatives", "representative_lambda_per_day", "perplexity", "fused_share")
_CALIBRATE = "Make one with: python -m profile_builder calibrate"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """What model.toml says.

    Attributes:
        embedding_space: The space the parameters were calibrated in; they mean nothing in another.
        parameters: What Algorithm 2 depends on besides the actions.
    """

    embedding_space: EmbeddingSpace
    parameters: Parameters

    @property
    def version(self) -> str:
        """Derived from the content alone, so equal calibrations share it and an edited file has its own."""
        parameters = asdict(self.parameters)
        fusing = parameters.pop("fusing")
        numbers = {name: float(value) for name, value in (parameters | fusing).items()}
        content = json.dumps([asdict(self.embedding_space), numbers], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]


def read_model_file(path: Path) -> ModelFile:
    """Read model.toml; the version written in it is for people and may be out of date after an edit.

    Raises:
        DataError: It is missing or wrong; the message names the key and what to write.
    """
    top = read_toml(path, known=_TOP, missing=_CALIBRATE)
    space = top.table("embedding_space", known=_SPACE)
    return ModelFile(
        embedding_space=EmbeddingSpace(
            space.text("name", example="my-model-2"), space.count("dimension", example=256)
        ),
        parameters=_parameters(path, top),
    )


def _parameters(path: Path, top: TomlTable) -> Parameters:
    table = top.table("parameters", known=_PARAMETERS)
    with _named(path, "parameters"):
        parameters = Parameters(
            alpha=table.number("alpha", example=1.5),
            lambda_per_day=table.number("lambda_per_day", example=0.01),
            window_days=table.count("window_days", example=90),
        )
    # A file of an earlier version has no such table, and one of a person may have a part of it.
    if "fusing" not in top:
        return parameters
    with _named(path, "fusing"):
        return _fused(parameters, top.table("fusing", known=_FUSING))


@contextmanager
def _named(path: Path, table: str) -> Iterator[None]:
    """Say in which table of the file a number is that makes no sense."""
    try:
        yield
    except InvalidInputError as error:
        raise DataError(f"{path}: {table}: {error}") from error


def _fused(parameters: Parameters, table: TomlTable) -> Parameters:
    """The parameters with what the table says, and the defaults of what it does not."""
    default = parameters.fusing

    def number(key: str, otherwise: float) -> float:
        return table.number(key, example=otherwise) if key in table else otherwise

    return replace(
        parameters,
        representative_lambda_per_day=number(
            "representative_lambda_per_day", parameters.representative_lambda_per_day
        ),
        fusing=FusePolicy(
            n_representatives=table.count("n_representatives", example=default.n_representatives)
            if "n_representatives" in table
            else default.n_representatives,
            perplexity=number("perplexity", default.perplexity),
            fused_share=number("fused_share", default.fused_share),
        ),
    )


def write_model_file(path: Path, model_file: ModelFile) -> None:
    """Write model.toml, whole or not at all, in place of an earlier one.

    Raises:
        PublishError: It cannot be written; an earlier one is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, _written(model_file))
    except OSError as error:
        raise PublishError(f"{path} cannot be written: {error.strerror or error}") from error


def _written(model_file: ModelFile) -> str:
    space, parameters = model_file.embedding_space, model_file.parameters
    fusing = parameters.fusing
    return (
        "# PinnerSage's parameters for one embedding space, written by `profile_builder calibrate`.\n"
        "# They may be edited by hand; the version is computed anew from the lines below it.\n"
        f"version = {toml_text(model_file.version)}\n\n"
        "[embedding_space]\n"
        f"name = {toml_text(space.name)}\n"
        f"dimension = {space.dimension}\n\n"
        "[parameters]\n"
        "# Ward's threshold: clusters merge while their squared distance is at most this.\n"
        f"alpha = {float(parameters.alpha)!r}\n"
        "# Decay of an action's weight per day of age.\n"
        f"lambda_per_day = {float(parameters.lambda_per_day)!r}\n"
        "# Days of actions that count.\n"
        f"window_days = {parameters.window_days}\n\n"
        "# For requests that all of a user's representatives answer together.\n"
        "[fusing]\n"
        "# Saved pins that stand for a user, at most.\n"
        f"n_representatives = {fusing.n_representatives}\n"
        "# Decay of an action's weight per day of age where they are chosen and weighed.\n"
        f"representative_lambda_per_day = {float(parameters.representative_lambda_per_day)!r}\n"
        "# Over how many of the 400 pins nearest to it each is spread, as if evenly.\n"
        f"perplexity = {float(fusing.perplexity)!r}\n"
        "# The part of an answer that is taken by score; the rest is interleaved.\n"
        f"fused_share = {float(fusing.fused_share)!r}\n"
    )
