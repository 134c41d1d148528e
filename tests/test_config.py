"""The configuration: its ranges, its messages, and the way there and back through TOML."""

import contextlib
import dataclasses
import math
import tomllib
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inkdigits.config import AugmentConfig, Config, DataConfig, TrainConfig
from inkdigits.errors import ConfigError

SECTIONS = {"train": TrainConfig, "data": DataConfig, "augment": AugmentConfig}
FIELDS = [
    pytest.param(name, kind, field, get_type_hints(kind)[field.name], id=f"{name}.{field.name}")
    for name, kind in SECTIONS.items()
    for field in dataclasses.fields(kind)
]
RANGED = [field for field in FIELDS if field.values[2].metadata["low"] is not None]  # type: ignore[union-attr]


def _values(field: dataclasses.Field[Any], kind: type) -> st.SearchStrategy[Any]:
    """Every value that the field allows."""
    rule = field.metadata
    if kind is bool:
        return st.booleans()
    if kind is str:
        return st.sampled_from(rule["choices"]) if rule["choices"] else st.text(max_size=20)
    if kind is int:
        return st.integers(rule["low"], rule["high"])
    return st.floats(rule["low"], rule["high"])


def _configs() -> st.SearchStrategy[Config]:
    def section(kind: type) -> st.SearchStrategy[Any]:
        types = get_type_hints(kind)
        fields = {
            field.name: _values(field, types[field.name]) for field in dataclasses.fields(kind)
        }
        return st.builds(kind, **fields)

    return st.builds(Config, **{name: section(kind) for name, kind in SECTIONS.items()})


class TestEveryField:
    @pytest.mark.parametrize(("section", "kind", "field", "type_"), FIELDS)
    def test_has_help_that_fits_a_line(self, section, kind, field, type_):
        text = field.metadata["help"]
        assert text == text.strip()
        assert not text.endswith(".")
        assert 0 < len(text) <= 100
        assert "\n" not in text

    @pytest.mark.parametrize(("section", "kind", "field", "type_"), FIELDS)
    def test_has_a_range_that_makes_sense(self, section, kind, field, type_):
        low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
        if type_ in (bool, str):
            assert low is None
            assert high is None
        else:
            assert choices is None
            assert low is not None  # the message says "at least"
        if type_ is float:
            assert high is not None  # so that infinity is refused
        if high is not None:
            assert low < high
        if choices:
            assert field.default in choices

    @pytest.mark.parametrize(("section", "kind", "field", "type_"), RANGED)
    def test_allows_both_ends_of_its_range(self, section, kind, field, type_):
        for end in (field.metadata["low"], field.metadata["high"]):
            if end is not None:
                assert getattr(kind(**{field.name: end}), field.name) == end

    @pytest.mark.parametrize(("section", "kind", "field", "type_"), RANGED)
    def test_refuses_what_lies_outside(self, section, kind, field, type_):
        low, high = field.metadata["low"], field.metadata["high"]
        step = 1 if type_ is int else 1e-9
        outside = [low - step] + ([] if high is None else [high + step])
        for value in outside + ([math.nan, math.inf, -math.inf] if type_ is float else []):
            with pytest.raises(ConfigError) as caught:
                kind(**{field.name: value})
            message = str(caught.value)
            assert message.startswith(f"{section}.{field.name} is {value}, but must be at least")
            assert str(low) in message
            assert high is None or str(high) in message

    @pytest.mark.parametrize(("section", "kind", "field", "type_"), FIELDS)
    @pytest.mark.parametrize("value", [None, [], {}, "text", True, 1.5, b"x"], ids=repr)
    def test_refuses_another_type(self, section, kind, field, type_, value):
        if type(value) is type_:
            return
        with pytest.raises(ConfigError, match=rf"^{section}\.{field.name} is .*, but must be"):
            kind(**{field.name: value})


class TestValues:
    def test_a_whole_number_will_do_for_a_number(self):
        rate = TrainConfig(learning_rate=1).learning_rate
        assert rate == 1.0
        assert type(rate) is float

    @pytest.mark.parametrize("value", [10**400, -(10**400)])
    def test_an_enormous_whole_number_is_out_of_range(self, value):
        with pytest.raises(ConfigError, match="train.learning_rate is -?inf"):
            TrainConfig(learning_rate=value)

    def test_true_is_no_number(self):
        with pytest.raises(ConfigError, match="train.epochs is True, but must be a whole number"):
            TrainConfig(epochs=True)

    def test_a_choice_lists_the_others(self):
        with pytest.raises(ConfigError, match="is 'sgd', but must be one of: adamw, adam"):
            TrainConfig(optimizer="sgd")

    def test_nothing_can_be_changed_afterwards(self):
        with pytest.raises(dataclasses.FrozenInstanceError):
            TrainConfig().epochs = 3  # type: ignore[misc]
        with pytest.raises(dataclasses.FrozenInstanceError):
            Config().train = TrainConfig()  # type: ignore[misc]

    def test_fields_are_given_by_name(self):
        with pytest.raises(TypeError):
            TrainConfig("mlp")  # type: ignore[misc]


class TestUnknownKeys:
    @pytest.mark.parametrize(
        ("typed", "meant"),
        [
            ("train.epoch", "train.epochs"),
            ("train.batchsize", "train.batch_size"),
            ("train.learningrate", "train.learning_rate"),
            ("augment.rotation", "augment.rotation_deg"),
            ("data.validation", "data.validation_share"),
            ("trian.epochs", "train"),
        ],
    )
    def test_the_nearest_known_one_is_named(self, typed, meant):
        with pytest.raises(ConfigError) as caught:
            Config.load(settings=[f"{typed}=1"])
        assert f"Did you mean {meant}?" in str(caught.value)

    def test_all_known_ones_are_listed(self):
        with pytest.raises(ConfigError) as caught:
            Config.from_mapping({"augment": {"blur": 1}})
        for field in dataclasses.fields(AugmentConfig):
            assert field.name in str(caught.value)


class TestSettings:
    @pytest.mark.parametrize(
        ("setting", "section", "name", "value"),
        [
            ("train.epochs=5", "train", "epochs", 5),
            (" train.epochs = 5 ", "train", "epochs", 5),
            ("train.learning_rate=1e-3", "train", "learning_rate", 0.001),
            ("train.learning_rate=1", "train", "learning_rate", 1.0),
            ("train.tensorboard=true", "train", "tensorboard", True),
            ("train.model=mlp", "train", "model", "mlp"),
            ('train.model="mlp"', "train", "model", "mlp"),
            ("data.source=my digits/a=b", "data", "source", "my digits/a=b"),
            ("data.source='C:\\digits'", "data", "source", "C:\\digits"),
            ("data.source=C:\\digits", "data", "source", "C:\\digits"),
        ],
    )
    def test_are_read_as_in_toml_with_quotes_left_out(self, setting, section, name, value):
        found = getattr(getattr(Config.load(settings=[setting]), section), name)
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize("setting", ["epochs=5", "train.epochs", "train", "", "=5", "train=5"])
    def test_without_section_field_and_value_are_refused(self, setting):
        with pytest.raises(ConfigError, match=r"no section\.field=value in it.*train\.epochs=5"):
            Config.load(settings=[setting])

    @pytest.mark.parametrize(
        "setting",
        ["train.epochs=", "train.epochs=five", "train.epochs=[5]", "train.seed=2020-01-01"],
    )
    def test_of_the_wrong_type_are_refused(self, setting):
        with pytest.raises(ConfigError, match="must be a whole number"):
            Config.load(settings=[setting])

    @given(text=st.text())
    def test_no_text_breaks_the_parser(self, text):
        for setting in (text, f"train.epochs={text}", f"data.source={text}"):
            with contextlib.suppress(ConfigError):
                assert isinstance(Config.load(settings=[setting]), Config)

    def test_the_last_one_wins(self):
        config = Config.load(settings=["train.epochs=5", "train.seed=1", "train.epochs=7"])
        assert (config.train.epochs, config.train.seed) == (7, 1)


class TestFiles:
    def test_default_then_file_then_setting(self, tmp_path):
        path = tmp_path / "config.toml"
        path.write_text("[train]\nepochs = 3\nbatch_size = 64\n", encoding="utf-8")
        train = Config.load(path, ["train.epochs=5"]).train
        assert (train.epochs, train.batch_size, train.seed) == (5, 64, TrainConfig().seed)

    def test_no_file_and_no_setting_is_the_default(self):
        assert Config.load() == Config()

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"[train\nepochs = 3", "is not TOML"),
            (b"\xff\xfe", "is not TOML"),
            (b"train = 3", r"train is 3, but must be a section: write \[train\] above"),
            (b"epochs = 3", "There is no epochs in the configuration"),
            (b"a = " + b"[" * 5000, "is not TOML"),
            (b"[[train]]\nepochs = 3", "but must be a section"),
        ],
    )
    def test_what_is_wrong_with_one_is_said(self, tmp_path, content, says):
        path = tmp_path / "config.toml"
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=says):
            Config.load(path)

    def test_a_mark_of_byte_order_is_no_content(self, tmp_path):
        path = tmp_path / "config.toml"
        path.write_bytes(b"\xef\xbb\xbf[train]\nepochs = 3")  # as some editors save it
        assert Config.load(path).train.epochs == 3

    def test_a_section_that_is_none_is_refused_under_a_setting_too(self, tmp_path):
        path = tmp_path / "config.toml"
        path.write_text("train = 3", encoding="utf-8")
        with pytest.raises(ConfigError, match="must be a section"):
            Config.load(path, ["train.epochs=5"])

    def test_one_that_is_not_there_is_named(self, tmp_path):
        with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read: No such file"):
            Config.load(tmp_path / "nowhere.toml")

    def test_a_folder_is_no_file(self, tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            Config.load(tmp_path)


class TestThereAndBack:
    @given(config=_configs())
    def test_through_toml(self, config):
        assert Config.from_mapping(tomllib.loads(config.to_toml())) == config

    @given(config=_configs())
    def test_through_plain_values(self, config):
        assert Config.from_mapping(config.to_mapping()) == config

    def test_the_toml_holds_every_help(self):
        toml = Config().to_toml()
        for param in FIELDS:
            field: Any = param.values[2]
            assert f"# {field.metadata['help']}\n{field.name} = " in toml

    def test_replace_changes_only_what_is_named(self):
        config = Config().replace(train={"epochs": 5}, data={"limit": 100})
        assert (config.train.epochs, config.data.limit) == (5, 100)
        assert config.replace(train={"epochs": 20}, data={"limit": 0}) == Config()

    def test_replace_checks_too(self):
        with pytest.raises(ConfigError, match="Did you mean train.epochs"):
            Config().replace(train={"epoch": 5})
        with pytest.raises(ConfigError, match="Did you mean train"):
            Config().replace(trains={"epochs": 5})
