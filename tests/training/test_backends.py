"""The same training code on another backend, in a process of its own: Keras has one for each."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, sys
from pathlib import Path

import keras
import numpy as np

from inkdigits.config import Config
from inkdigits.training.ensemble import fit_ensemble
from inkdigits.training.examples import validation_images
from inkdigits.training.fit import fit
from inkdigits.training.run import Run

folder = Path(sys.argv[1])
quick = Config().replace(
    data={"source": "synthetic", "limit": 150, "nondigits": 30},
    train={"model": "mlp", "epochs": 2, "batch_size": 16, "members": 2},
)
ensemble = fit_ensemble(quick, folder / "ensemble")
taught = {"teacher": str(ensemble.folder), "teacher_sees": "augmented", "members": 1}
student = fit(
    quick.replace(train={**taught, "model": "convnet", "epochs": 1, "view_angle_deg": 8.0}),
    folder / "student",
)
ink, _ = validation_images(quick)
outputs = Run(ensemble.folder).load_model().predict(ink, verbose=0)
np.save(folder / "logits.npy", outputs["logits"])
said = {"backend": keras.backend.backend(), "rows": ensemble.history() + student.history()}
print(json.dumps(said))
"""


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_training_runs_and_its_model_opens_on_another_backend(backend: str, tmp_path: Path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed; to train on it: pip install {backend}")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        env=os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["backend"] == backend
    assert len(said["rows"]) == 3
    for row in said["rows"]:
        assert 0 < row["loss"] < 10
        assert 0 < row["val_loss"] < 10
    assert said["rows"][1]["val_accuracy"] > 0.3

    import numpy as np

    from inkdigits.training.examples import validation_images
    from inkdigits.training.run import Run

    run = Run.open(tmp_path / "ensemble")
    ink, _ = validation_images(run.config())
    found = run.load_model().predict(ink, verbose=0)["logits"]
    np.testing.assert_allclose(found, np.load(tmp_path / "logits.npy"), atol=1e-3)
    assert run.read_json("environment.json")["backend"].startswith(f"{backend} ")
