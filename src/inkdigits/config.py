"""The configuration of a training.

One definition of a field gives its name, type, default, range and help: each section is a
frozen dataclass whose fields carry their own rule. A value comes from the default, then a TOML
file, then ``--set section.field=value``, in that order, and is checked when the section is
built, before anything expensive starts.
"""

import dataclasses
import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar, get_type_hints

from inkdigits.errors import ConfigError

T = TypeVar("T")


def config_field(
    default: T,
    help: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> T:
    """A dataclass field that carries its range (both ends allowed) and its help."""
    rule = {"help": help, "low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata=rule)


_KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}


def _checked(section: str, field: dataclasses.Field[Any], kind: type, value: Any) -> Any:
    name, rule = f"{section}.{field.name}", field.metadata
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
    if type(value) is not kind:
        raise ConfigError(
            f"{name} is {value!r}, but must be {_KINDS[kind]}, such as {_as_toml(field.default)}."
        )
    if rule["choices"] and value not in rule["choices"]:
        raise ConfigError(f"{name} is {value!r}, but must be one of: {', '.join(rule['choices'])}.")
    too_low = rule["low"] is not None and not value >= rule["low"]  # `not >=` also refuses nan
    too_high = rule["high"] is not None and not value <= rule["high"]
    if too_low or too_high:
        high = "" if rule["high"] is None else f" and at most {rule['high']}"
        raise ConfigError(f"{name} is {value}, but must be at least {rule['low']}{high}.")
    return value


def _unknown(key: str, prefix: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key.removeprefix(prefix), known, n=1, cutoff=0)
    hint = f" Did you mean {prefix}{near[0]}?" if near else ""
    return f"There is no {key} in the configuration.{hint} Known: {', '.join(known)}."


def parse_value(text: str) -> Any:
    """A value as TOML writes it; what is not TOML is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):  # not TOML, or thousands of digits or of brackets
        return text


def _as_toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON leaves DEL
    return repr(value)


@dataclass(frozen=True, kw_only=True)
class ConfigSection:
    """A frozen dataclass whose fields are checked as they say, for ``config_field``."""

    def __post_init__(self) -> None:
        types = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value = _checked(self._name(), field, types[field.name], getattr(self, field.name))
            object.__setattr__(self, field.name, value)

    @classmethod
    def _name(cls) -> str:
        return cls.__name__.removesuffix("Config").lower()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Build the section from plain values; a missing key keeps its default.

        Raises:
            ConfigError: an unknown key, a wrong type, or a value out of its range.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for key in values:
            if key not in known:
                raise ConfigError(_unknown(f"{cls._name()}.{key}", f"{cls._name()}.", known))
        return cls(**values)


ADDED_IMAGES = ("synthetic", "nondigits", "crops", "characters")
"""The fields of ``DataConfig`` that say how many images are learned from beside the source's."""


@dataclass(frozen=True, kw_only=True)
class DataConfig(ConfigSection):
    """Which labelled images to learn from."""

    source: str = config_field(
        "mnist", "mnist, synthetic, a folder with sub-folders 0 to 9, or an .npz file with x and y"
    )
    limit: int = config_field(0, "use only this many images, evenly spaced; 0 uses all", low=0)
    synthetic: int = config_field(
        0, "how many digits drawn by inkdigits to add to the training images", low=0, high=1_000_000
    )
    nondigits: int = config_field(
        0,
        "how many non-digits to add, drawn or cut and joined from digits: teaches to reject",
        low=0,
        high=1_000_000,
    )
    crops: int = config_field(
        0,
        "how many crops to add that the reader cuts from synthetic pages: half show no digit",
        low=0,
        high=1_000_000,
    )
    fonts: str = config_field("", "a pattern of font files, such as fonts/*.ttf, for characters")
    characters: int = config_field(
        0,
        "how many characters of those fonts to add: three in ten are digits, the others none",
        low=0,
        high=1_000_000,
    )
    strips: int = config_field(
        0,
        "how many strips of digits that touch the line reader learns from; of no other use",
        low=0,
        high=1_000_000,
    )
    patches: int = config_field(
        0,
        "how many patches of pages the stroke finder learns from; of no other use",
        low=0,
        high=100_000,
    )
    validation_share: float = config_field(
        0.1, "share of the writers (or images) kept for validation", low=0.01, high=0.5
    )
    seed: int = config_field(
        0, "of the split into training and validation, and of what is drawn", low=0, high=2**31 - 1
    )

    @property
    def has_nondigits(self) -> bool:
        """Whether something is learned from that is no digit."""
        return self.nondigits > 0 or self.crops > 0 or self.characters > 0


@dataclass(frozen=True, kw_only=True)
class AugmentConfig(ConfigSection):
    """How far each training image is changed; 0 switches a change off."""

    rotation_deg: float = config_field(
        12.0, "largest rotation either way, in degrees", low=0, high=45
    )
    shear: float = config_field(
        0.2, "largest sideways slant, as a share of the height", low=0, high=1
    )
    scale: float = config_field(
        0.2, "largest change of size, as a factor above or below 1", low=0, high=0.7
    )
    aspect: float = config_field(
        0.15,
        "largest stretch of width against height, as a factor above or below 1",
        low=0,
        high=0.7,
    )
    elastic_px: float = config_field(
        1.2, "standard deviation of the elastic displacement, in pixels of the image", low=0, high=5
    )
    pen_width: float = config_field(
        0.5, "largest change of pen width: 1 would be a pixel on either side", low=0, high=1
    )
    gaps: float = config_field(
        0.0, "share of the images whose strokes are broken in three places", low=0, high=1
    )
    strays: float = config_field(
        0.0, "share of the images with a ruled line or a neighbour's bow in them", low=0, high=1
    )
    few_pixels: float = config_field(
        0.0,
        "share of the images that have 8 to 20 pixels along a side, half of them as bitmaps",
        low=0,
        high=1,
    )
    erase: float = config_field(
        0.0, "largest side of an erased rectangle, as a share of the glyph's", low=0, high=1
    )


@dataclass(frozen=True, kw_only=True)
class TrainConfig(ConfigSection):
    """How the network is fitted."""

    model: str = config_field("convnet", "a name that `inkdigits models` lists")
    members: int = config_field(
        1, "how many networks, of seeds that follow one another, are joined", low=1, high=1000
    )
    start: str = config_field(
        "",
        "finished run, .digits file or shipped, whose network is trained on; none: a fresh one",
    )
    start_share: float = config_field(
        0.0,
        "share of the start's weights in those that are kept: it forgets less",
        low=0,
        high=0.99,
    )
    epochs: int = config_field(20, "passes over the training images", low=1, high=10_000)
    batch_size: int = config_field(128, "images a step", low=1, high=65_536)
    optimizer: str = config_field("adamw", "adamw or adam", choices=("adamw", "adam"))
    learning_rate: float = config_field(3e-3, "highest learning rate", low=1e-8, high=10)
    warmup: float = config_field(
        0.1, "share of the steps over which the learning rate rises to it", low=0, high=0.9
    )
    weight_decay: float = config_field(1e-2, "decoupled weight decay, of adamw only", low=0, high=1)
    label_smoothing: float = config_field(
        0.05, "probability spread over the other classes", low=0, high=0.5
    )
    weight_average: float = config_field(
        0.995,
        "decay a step of the averaged weights that are kept; 0 keeps the last ones",
        low=0,
        high=0.99999,
    )
    view_angle_deg: float = config_field(
        0.0,
        "degrees; what is kept also reads each glyph turned so far either way, and takes the mean",
        low=0,
        high=45,
    )
    patience: int = config_field(
        0, "stop after this many epochs without a lower validation loss; 0 never stops early", low=0
    )
    keep: str = config_field(
        "last", "which weights to keep: last, or best on validation", choices=("last", "best")
    )
    teacher: str = config_field(
        "",
        "run, .keras, .digits or shipped: learned from too where it agrees with a label; or none",
    )
    teacher_sees: str = config_field(
        "clean",
        "clean: each image once, as it is; augmented: in each step what the student sees",
        choices=("clean", "augmented"),
    )
    teacher_weight: float = config_field(
        0.5,
        "share of the loss that the teacher has where it agrees; the labels have the rest",
        low=0,
        high=1,
    )
    teacher_temperature: float = config_field(
        2.0, "softens the teacher's and the student's probabilities alike", low=0.1, high=100
    )
    seed: int = config_field(0, "of weights, order and augmentation", low=0, high=2**31 - 1)
    tensorboard: bool = config_field(False, "write a TensorBoard log into the run folder")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that decides a training; saved as ``config.toml`` with whatever it made."""

    train: TrainConfig = TrainConfig()
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> "Config":
        """Build from nested plain values, as TOML gives them.

        Raises:
            ConfigError: an unknown section or key, a wrong type, or a value out of its range.
        """
        sections = _sections()
        for name, section in values.items():
            if name not in sections:
                raise ConfigError(_unknown(name, "", list(sections)))
            if not isinstance(section, Mapping):
                raise ConfigError(
                    f"{name} is {section!r}, but must be a section: "
                    f"write [{name}] above its fields."
                )
        built: dict[str, Any] = {
            name: kind.from_mapping(values.get(name, {})) for name, kind in sections.items()
        }
        return cls(**built)

    @classmethod
    def load(cls, path: Path | None = None, settings: Iterable[str] = ()) -> "Config":
        """Read a TOML file, then apply ``section.field=value`` settings over it.

        Args:
            path: the TOML file; None starts from the defaults.
            settings: such as ``"train.epochs=5"``; the value is written as in TOML,
                quotes around text may be left out.

        Raises:
            ConfigError: no such file, not TOML, an unknown key or a value out of its range.
        """
        values: dict[str, Any] = {}
        if path is not None:
            try:
                values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
            except OSError as error:
                raise ConfigError(
                    f"The configuration {path} cannot be read: {error.strerror}."
                ) from error
            except (ValueError, RecursionError) as error:  # not TOML, or not UTF-8
                raise ConfigError(f"The configuration {path} is not TOML: {error}.") from error
        for setting in settings:
            key, equals, text = setting.partition("=")
            section, dot, name = key.strip().partition(".")
            if not (equals and dot):
                raise ConfigError(
                    f"The setting {setting!r} has no section.field=value in it; "
                    "write it like train.epochs=5."
                )
            inside = values.setdefault(section, {})
            if isinstance(inside, dict):
                inside[name] = parse_value(text.strip())
        return cls.from_mapping(values)

    def replace(self, **sections: Mapping[str, Any]) -> "Config":
        """A copy with some fields changed: ``config.replace(train={"epochs": 5})``."""
        values = self.to_mapping()
        for name, changes in sections.items():
            values.setdefault(name, {}).update(changes)
        return Config.from_mapping(values)

    def to_mapping(self) -> dict[str, dict[str, Any]]:
        """Nested plain values, from which ``from_mapping`` builds an equal configuration."""
        return dataclasses.asdict(self)

    def to_toml(self) -> str:
        """The same as TOML, each field behind a comment with its help."""
        lines: list[str] = []
        for section, values in self.to_mapping().items():
            lines.append(f"[{section}]")
            kind = _sections()[section]
            for field in dataclasses.fields(kind):
                lines.append(f"# {field.metadata['help']}")
                lines.append(f"{field.name} = {_as_toml(values[field.name])}")
            lines.append("")
        return "\n".join(lines)


def _sections() -> dict[str, type[ConfigSection]]:
    return {field.name: type(field.default) for field in dataclasses.fields(Config)}  # type: ignore[misc]
