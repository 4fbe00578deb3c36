"""What a published batch says of itself, as JSON and back: the same in every store."""

from dataclasses import asdict, replace
from typing import cast

from model.errors import InvalidInputError
from model.fusing import FusePolicy
from model.parameters import Parameters
from storage.embedding_space import EmbeddingSpace
from storage.errors import DamagedArtefactError
from storage.manifests import Manifest
from storage.profiles.store import BatchDescription, BatchManifest


def encode_manifest(manifest: BatchManifest) -> Manifest:
    """The manifest as it is published; the version is its name, and not in it."""
    description, parameters = manifest.description, manifest.description.parameters
    return {
        "embedding_space": {
            "name": description.embedding_space.name,
            "dimension": description.embedding_space.dimension,
        },
        "parameters": {
            "version": description.parameters_version,
            "alpha": parameters.alpha,
            "lambda_per_day": parameters.lambda_per_day,
            "window_days": parameters.window_days,
            "representative_lambda_per_day": parameters.representative_lambda_per_day,
            "fusing": asdict(parameters.fusing),
        },
        "computed_at_s": description.computed_at_s,
        "actions_until_s": description.actions_until_s,
        "n_users": description.n_users,
        **manifest.details,
    }


def decode_description(manifest: Manifest, *, version: str, where: str) -> BatchDescription:
    """What a published batch is.

    Args:
        manifest: As published.
        version: The version's name.
        where: It lies, for messages.

    Raises:
        DamagedArtefactError: The manifest is not one of profiles.
    """
    try:
        return _description(version, manifest)
    except (KeyError, TypeError, InvalidInputError) as error:
        raise DamagedArtefactError(
            f"{where} does not hold batch profiles: its manifest is not theirs"
        ) from error


def _description(version: str, manifest: Manifest) -> BatchDescription:
    space = cast(dict[str, object], manifest["embedding_space"])
    parameters = cast(dict[str, object], manifest["parameters"])
    return BatchDescription(
        version=version,
        embedding_space=EmbeddingSpace(cast(str, space["name"]), cast(int, space["dimension"])),
        parameters=_parameters(parameters),
        parameters_version=cast(str, parameters["version"]),
        computed_at_s=cast(int, manifest["computed_at_s"]),
        actions_until_s=cast(int, manifest["actions_until_s"]),
        n_users=cast(int, manifest["n_users"]),
    )


def _parameters(written: dict[str, object]) -> Parameters:
    """Those written: a batch of an earlier version says nothing of representatives."""
    parameters = Parameters(
        alpha=cast(float, written["alpha"]),
        lambda_per_day=cast(float, written["lambda_per_day"]),
        window_days=cast(int, written["window_days"]),
    )
    if "fusing" not in written:
        return parameters
    fusing = cast(dict[str, object], written["fusing"])
    return replace(
        parameters,
        representative_lambda_per_day=cast(float, written["representative_lambda_per_day"]),
        fusing=FusePolicy(
            n_representatives=cast(int, fusing["n_representatives"]),
            perplexity=cast(float, fusing["perplexity"]),
            fused_share=cast(float, fusing["fused_share"]),
        ),
    )
