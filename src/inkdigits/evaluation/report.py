"""Show how a model did: one page that opens anywhere, its pictures, and the figures as JSON."""

import base64
import html
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inkdigits.errors import BadArrayError, MissingExtraError, RunError
from inkdigits.evaluation.metrics import Metrics, checked_probabilities, risk_coverage
