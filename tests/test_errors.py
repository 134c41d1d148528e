"""The tree that is drawn is the tree that is, and each error means something outside Python."""

import copy
import pickle
import re

import pytest

from inkdigits import errors
from inkdigits.errors import OUTCOMES, InkdigitsError, MissingExtraError, Outcome, outcome

CLASSES = sorted(
    (
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, InkdigitsError)
    ),
    key=lambda kind: kind.__name__,
)


def _drawn_tree() -> dict[str, str | None]:
    """Name to parent's name, as drawn with │ ├── └── at the top of the module."""
    parents: dict[str, str | None] = {}
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^((?:[│ ] {3})*(?:[├└]── )?)([A-Z]\w+Error)\b", line)
        if match:
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            parents[match[2]] = above[depth - 1] if depth else None
    return parents


def test_the_drawn_tree_is_the_real_one():
    real = {
        kind.__name__: None if kind is InkdigitsError else kind.__base__.__name__
        for kind in CLASSES
    }
    assert _drawn_tree() == real


def test_the_tree_has_one_root_and_single_parents():
    assert all(len(kind.__bases__) == 1 for kind in CLASSES)
    assert InkdigitsError.__base__ is Exception


def test_the_drawing_says_something_about_each_error():
    for name in set(_drawn_tree()) - {"InkdigitsError"}:
        assert re.search(rf"── {name} +\S+", errors.__doc__ or ""), name


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
class TestEachError:
    def test_has_its_own_line_in_the_table(self, kind):
        assert kind in OUTCOMES

    def test_means_its_own_line(self, kind):
        error = kind.__new__(kind)
        assert outcome(error) == OUTCOMES[kind]

    def test_has_a_docstring(self, kind):
        assert kind.__doc__
        assert kind.__doc__.endswith(".")


@pytest.mark.parametrize(("kind", "means"), OUTCOMES.items(), ids=lambda value: str(value)[:60])
def test_what_an_error_means_is_well_formed(kind: type[InkdigitsError], means: Outcome):
    assert kind in CLASSES
    assert means.exit_code in (1, 2)
    assert 400 <= means.http_status < 600
    assert means.title == means.title.strip()
    assert means.title[0].isupper()
    assert not means.title.endswith(".")


def test_titles_tell_errors_apart():
    titles = [means.title for means in OUTCOMES.values()]
    assert len(set(titles)) == len(titles)


def test_wrong_usage_is_2_and_all_else_is_1():
    usage = {kind.__name__ for kind, means in OUTCOMES.items() if means.exit_code == 2}
    assert usage == {"ConfigError", "MissingExtraError"}


def test_a_subclass_of_somebody_else_means_what_its_parent_means():
    class PatchyImageError(errors.UnreadableImageError):
        pass

    assert outcome(PatchyImageError("patchy")) == OUTCOMES[errors.UnreadableImageError]


class TestMissingExtra:
    error = MissingExtraError("Training", "train")

    def test_the_message_holds_the_line_to_type(self):
        assert str(self.error) == (
            "Training needs the extra 'train', which is not installed. "
            "Install it with: pip install 'inkdigits[train]'"
        )

    @pytest.mark.parametrize("clone", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
    def test_it_survives_the_way_out_of_a_worker_process(self, clone):
        other = clone(self.error)
        assert type(other) is MissingExtraError
        assert (other.what, other.extra, str(other)) == ("Training", "train", str(self.error))
