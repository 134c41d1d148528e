"""`inkdigits train`, `evaluate RUN`, `export` and `models`: the whole way, in small."""

import json
import sys

import numpy as np
import pytest

from inkdigits.synthesis.strokes import synthetic_digits


class TestUsage:
    """Refused before Keras is even imported, and with the name of the field."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--set", "train.epochs=0"], "train.epochs is 0"),
            (["--set", "train.epoch=5"], "Did you mean train.epochs?"),
            (["--set", "train.epochs=many"], "train.epochs is 'many'"),
            (["--set", "epochs"], "epochs"),
            (["--set", "train.learning_rate=-1"], "train.learning_rate"),
            (["--config", "nowhere.toml"], "nowhere.toml"),
            (["--model", "resnet9"], "'resnet9', but must be one of: mlp, convnet"),
            (["--set", "train.model=resnet9"], "'resnet9'"),
            (["--resume", "--model", "mlp"], "--resume"),
        ],
    )
    def test_of_train(self, inkdigits, tmp_path, arguments, said):
        done = inkdigits("train", "--out", "run", "--data", "synthetic", *arguments)
        if "--resume" in arguments:
            done = inkdigits("train", "--out", "run", *arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.err
        assert done.err.startswith("inkdigits: ")
        assert done.err.count("\n") == 1
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "--out"),
            (["--out"], "--out"),
            (["--epochs", "5", "--out", "run"], "--epochs"),
        ],
    )
    def test_of_trains_options(self, inkdigits, arguments, said):
        done = inkdigits("train", *arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.message

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "run"),
            (["run"], "--to"),
            (["run", "--to", "onnx"], "--out"),
            (["run", "--to", "pickle", "--out", "x"], "'pickle'"),
            (["run", "--to", "onnx", "--out", "x.keras"], "must end in .onnx"),
            (["run", "--to", "saved-model", "--out", "x.h5"], "without ending"),
        ],
    )
    def test_of_export(self, inkdigits, arguments, said):
        done = inkdigits("export", *arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.message

    def test_is_refused_before_keras_is_imported(self, process):
        """Importing it takes seconds, and all that was typed is a wrong name."""
        python = f"{sys.executable!r} -c 'import sys; from inkdigits.cli.main import main"
        end = 'finally: sys.exit(42 if {"keras", "tensorflow"} & set(sys.modules) else 2)'
        for arguments in (
            ["train", "--out", "run", "--model", "resnet9"],
            ["export", "run", "--to", "onnx", "--out", "x.keras"],
        ):
            words = ", ".join(f'"{word}"' for word in ("inkdigits", *arguments))
            done = process(f"{python}\nsys.argv = [{words}]\ntry: main()\n{end}'")
            assert done.code == 2, done.err


@pytest.mark.slow
class TestWholeWay:
    def test_from_ones_own_digits_to_a_picture_read(self, inkdigits, write, tmp_path):
        images, labels = synthetic_digits(1500, 3)
        np.savez(tmp_path / "mine.npz", x=images, y=labels)
        trained = inkdigits(
            *("train", "--out", "run", "--model", "mlp", "--data", "mine.npz"),
            *("--set", "train.epochs=6", "--set", "train.batch_size=32"),
        )
        assert trained.code == 0, trained.err
        assert "run: mlp, 6 epochs, validation accuracy 0." in trained.out
        assert "Next: inkdigits evaluate run --report run/report" in trained.out.replace("\\", "/")

        scored = inkdigits("evaluate", "run", "--data", "mine.npz", "--json", "--report", "report")
        assert scored.code == 0, scored.err
        figures = json.loads(scored.out)
        assert figures["count"] == 1500
        assert figures["accuracy"] > 0.6
        assert (tmp_path / "report" / "report.html").is_file()
        assert json.loads((tmp_path / "report" / "metrics.json").read_text()) == figures

        out = ("--out", "mine.digits")
        exported = inkdigits("export", "run", "--to", "bundle", *out, "--name", "mine")
        assert exported.code == 0, exported.err
        assert exported.out.startswith("mine.digits: ")
        assert "same class on 100.00%" in exported.out

        again = json.loads(inkdigits("evaluate", "mine.digits", "--data", "mine.npz", "--json").out)
        assert again["correct"] == figures["correct"]
        assert again["loss"] == pytest.approx(figures["loss"], abs=1e-4)

        write("page.png", "01")
        read = inkdigits("read", "page.png", "--bundle", "mine.digits", "--format", "json")
        assert read.code == 0
        assert json.loads(read.out)["model"] == "mine"

    def test_a_run_that_is_none(self, inkdigits, tmp_path):
        (tmp_path / "empty").mkdir()
        for arguments in (
            ("evaluate", "empty", "--data", "synthetic"),
            ("export", "empty", "--to", "onnx", "--out", "x.onnx"),
            ("export", "nowhere", "--to", "onnx", "--out", "x.onnx"),
            ("train", "--out", "empty", "--resume"),
        ):
            done = inkdigits(*arguments)
            assert (done.code, done.out) == (1, "")
            assert "holds no run" in done.err
            assert "inkdigits train --out" in done.err

    def test_models_are_listed_with_their_size(self, inkdigits):
        done = inkdigits("models")
        assert (done.code, done.err) == (0, "")
        header, *rows = done.out.splitlines()
        assert header.split() == ["name", "parameters", "multiply-adds", "what"]
        sizes = {row.split()[0]: int(row.split()[1].replace(",", "")) for row in rows}
        assert sizes["mlp"] == (784 + 1) * 128 + (128 + 1) * 10
        assert 0 < sizes["convnet"] <= 150_000
