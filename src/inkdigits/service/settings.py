"""What an operator can set, each limit with its range and help in one place."""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from inkdigits.config import ConfigSection, config_field, parse_value
from inkdigits.decide import DEFAULT_MAX_ERROR
from inkdigits.errors import ConfigError

TOKEN_VARIABLE = "INKDIGITS_TOKEN"
SETTINGS_VARIABLE = "INKDIGITS_SERVICE"  # how `inkdigits serve` tells its worker processes


@dataclass(frozen=True, kw_only=True)
class LimitsConfig(ConfigSection):
    """How much a service takes; what is beyond it is refused with a clear error."""

    body_bytes: int = config_field(
        32 * 2**20, "largest body of a request; 413 beyond it", low=1024, high=2**31
    )
    pixels: int = config_field(
        40_000_000,
        "largest picture, page of a file, or single digits of a request together; 413 beyond it",
        low=784,
        high=1_000_000_000,
    )
    images: int = config_field(
        256, "most images, or pages of a file, in one request; 413 beyond it", low=1, high=65_536
    )
    threads: int = config_field(
        0, "pages that a worker reads at the same time; 0 is one for each core", low=0, high=256
    )
    waiting_pages: int = config_field(
        16, "pages that may wait for their turn; 503 beyond it", low=1, high=65_536
    )
    waiting_digits: int = config_field(
        1024, "single digits that may wait for their turn; 503 beyond it", low=1, high=1_000_000
    )
    batch: int = config_field(
        32, "most single digits, of all callers, in one batch", low=1, high=4096
    )
    held_bytes: int = config_field(
        256 * 2**20,
        "bodies and decoded single digits of all requests together; 503 beyond it",
        low=1024,
        high=2**40,
    )
    receive_s: float = config_field(
        20.0, "seconds in which a request must have arrived; 408 beyond it", low=0.05, high=3600
    )
    deadline_s: float = config_field(
        30.0,
        "seconds in which an arrived request must be answered; 504 beyond it",
        low=0.05,
        high=3600,
    )
    drain_s: float = config_field(
        3.0, "seconds from 'not ready' to the end of listening, on SIGTERM", low=0, high=3600
    )

    @property
    def digits(self) -> int:
        """Most single digits in one request: no more than may wait."""
        return min(self.images, self.waiting_digits)

    @classmethod
    def of(cls, settings: Iterable[str]) -> "LimitsConfig":
        """Apply settings such as ``"images=64"`` over the defaults.

        Raises:
            ConfigError: one that is written otherwise, is unknown, or is out of its range.
        """
        values = {}
        for setting in settings:
            name, equals, text = setting.partition("=")
            if not equals:
                raise ConfigError(
                    f"The limit {setting!r} has no NAME=VALUE in it; write it like images=64."
                )
            values[name.strip()] = parse_value(text.strip())
        return cls.from_mapping(values)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one service is set up.

    Attributes:
        bundle: path of a ``.digits`` file; None is the one that ships.
        max_error: the dial, for requests that do not turn it themselves.
        limits: how much it takes.
        token: what callers must show; empty, and everybody may call.
        cors_origins: web pages of other origins that may call.
        has_page: whether the page and, for it, the model are served.
        logs_requests: a line for each request, not only for what goes wrong.
    """

    bundle: str | None = None
    max_error: float = DEFAULT_MAX_ERROR
    limits: LimitsConfig = LimitsConfig()
    token: str = ""
    cors_origins: tuple[str, ...] = ()
    has_page: bool = True
    logs_requests: bool = True

    def to_json(self) -> str:
        """All but the token, which workers find where the operator put it."""
        values = dataclasses.asdict(self)
        del values["token"]
        return json.dumps(values)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """What `inkdigits serve` left for its workers, and the token."""
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = json.loads(environment.get(SETTINGS_VARIABLE, "{}"))
        limits = LimitsConfig.from_mapping(values.pop("limits", {}))
        origins = tuple(values.pop("cors_origins", ()))
        token = environment.get(TOKEN_VARIABLE, "")
        return cls(**values, limits=limits, cors_origins=origins, token=token)
