"""The file of variants: what is read, and what a person is told of each mistake."""

from pathlib import Path

import pytest

from server.errors import StartError
from server.settings import MergePolicy
from server.variants import Budget, Variant
from server.variants_file import read_variants


def read(
    folder: Path, content: str, default: MergePolicy = MergePolicy.INTERLEAVED
) -> dict[str, Variant | None]:
    path = folder / "variants.toml"
    path.write_text(content)
    variants = read_variants(path, default)
    return {name: variants.named(name) for name in variants.names}


def test_every_key_is_read(tmp_path: Path) -> None:
    """What is not said is the server's, and a variant without a share is there for who names it."""
    assert read(
        tmp_path,
        """
        salt = "2026-11"
        [variants.control]
        share = 1
        [variants.wide-2]
        max_interests = 20
        min_score = -0.5
        budget = "by_importance"
        merge_policy = "interleaved"
        lambda_per_day = 0
        """,
    ) == {
        "control": Variant(name="control", share=1.0),
        "wide-2": Variant(
            name="wide-2",
            share=0.0,
            max_interests=20,
            min_score=-0.5,
            budget=Budget.BY_IMPORTANCE,
            merge_policy=MergePolicy.INTERLEAVED,
            lambda_per_day=0.0,
        ),
    }


def test_shares_that_only_rounding_brings_above_1_are_taken(tmp_path: Path) -> None:
    """Ten tenths are all of the users, whatever floats make of them."""
    tables = "".join(f"[variants.v{n}]\nshare = 0.1\n" for n in range(10))

    assert len(read(tmp_path, tables)) == 10


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "it must have 1 to 16 tables [variants.NAME]"),
        ("[variants]", "it must have 1 to 16 tables [variants.NAME]"),
        ("variants = 3", "it must have 1 to 16 tables [variants.NAME]"),
        ("".join(f"[variants.v{n}]\n" for n in range(17)), "it must have 1 to 16 tables"),
        ("salt = 3\n[variants.a]", "salt is 3; it must be a text in quotes"),
        ("seed = 3\n[variants.a]", "the file has the unknown key 'seed'; known are salt, variants"),
        ("[variants.A]", "variants.A: a name has 1 to 32 of a-z, 0-9, - and _"),
        ('[variants.""]', "variants.: a name has 1 to 32"),
        ("[variants.none]", "variants.none: a name has 1 to 32 of a-z, 0-9, - and _, begins with a letter"),
        ("[variants]\na = 1", "variants.a must be a table"),
        (
            "[variants.a]\nshares = 1",
            "variants.a has the unknown key 'shares'; known are share, max_interests",
        ),
        ("[variants.a]\nshare = 1.5", "variants.a.share is 1.5; it must be a number, 0 to 1"),
        ("[variants.a]\nshare = true", "variants.a.share is True; it must be a number, 0 to 1"),
        ("[variants.a]\nshare = nan", "variants.a.share is nan; it must be a number, 0 to 1"),
        (
            "[variants.a]\nmax_interests = 0",
            "variants.a.max_interests is 0; it must be a whole number, 1 to 20",
        ),
        ("[variants.a]\nmax_interests = 2.0", "is 2.0; it must be a whole number, 1 to 20"),
        ("[variants.a]\nmin_score = -2", "variants.a.min_score is -2; it must be a number, -1 to 1"),
        ("[variants.a]\nbudget = 'fair'", "is 'fair'; it must be one of 'equal', 'by_importance'"),
        ("[variants.a]\nmerge_policy = 1", "is 1; it must be one of 'interleaved', 'fused'"),
        (
            "[variants.a]\nlambda_per_day = -1",
            "variants.a.lambda_per_day is -1; it must be a number, 0 to 10",
        ),
        (
            "[variants.a]\nshare = 0.6\n[variants.b]\nshare = 0.6",
            "the shares add up to 1.2; they may add up to 1 at most",
        ),
        (
            "[variants.a]\nmax_interests = 2\nmerge_policy = 'fused'",
            'variants.a.max_interests goes with merge_policy = "interleaved"',
        ),
        ("[variants", "variants.toml is not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_place(content: str, problem: str, tmp_path: Path) -> None:
    """The file, the variant, the key, the value, and what would be right."""
    with pytest.raises(StartError) as refusal:
        read(tmp_path, content)

    assert problem in str(refusal.value)
    assert "variants.toml" in str(refusal.value)


def test_what_the_servers_own_policy_makes_void_is_refused(tmp_path: Path) -> None:
    """Budgets do nothing where the server fuses: such a variant would be tested against itself."""
    with pytest.raises(StartError, match=r"variants\.a\.budget goes with"):
        read(tmp_path, "[variants.a]\nbudget = 'by_importance'", MergePolicy.FUSED)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The path, and why it cannot be read."""
    with pytest.raises(StartError, match=r"cannot read the variants in .*missing\.toml: No such file"):
        read_variants(tmp_path / "missing.toml", MergePolicy.INTERLEAVED)
