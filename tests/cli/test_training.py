"""`inkdigits train`, `evaluate RUN`, `export` and `models`: the whole way, in small."""

import json
import shutil
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest

from inkdigits.bundle import Bundle
from inkdigits.models import LINE_READER, NAMES, STROKE_FINDER
from inkdigits.synthesis.strokes import synthetic_digits

ROOT = Path(__file__).parents[2]


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
            (["--model", "resnet9"], "'resnet9', but must be one of: mlp, "),
            (["--set", "train.model=resnet9"], "'resnet9'"),
            (["--resume", "--model", "mlp"], "--resume"),
            (["--resume", "--teacher", "other"], "--resume"),
            (["--resume", "--ensemble", "3"], "--resume"),
            (["--teacher", "nobody"], "train.teacher is 'nobody'"),
            (["--teacher", "nobody", "--ensemble", "2"], "train.teacher is 'nobody'"),
            (["--set", "train.members=0"], "train.members is 0"),
            (["--set", "train.teacher_weight=2"], "train.teacher_weight is 2"),
            (["--set", "train.teacher_sees=all"], "clean, augmented"),
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
            (["--ensemble", "1", "--out", "run"], "--ensemble"),
            (["--ensemble", "some", "--out", "run"], "--ensemble"),
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
            (["shipped.digits", "--to", "bundle", "--out", "x.digits"], "--lines or --strokes"),
        ],
    )
    def test_of_export(self, inkdigits, tmp_path, arguments, said):
        (tmp_path / "shipped.digits").touch()
        done = inkdigits("export", *arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.message

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ([], "RUN"),
            (["run"], "--out"),
            (["run", "--out", "both"], "at least two, each once"),
            (["run", "run", "--out", "both"], "at least two, each once"),
        ],
    )
    def test_of_join(self, inkdigits, tmp_path, arguments, said):
        done = inkdigits("join", *arguments)
        assert (done.code, done.out) == (2, "")
        assert said in done.message
        assert not (tmp_path / "both").exists()

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

        for option, what in (("--lines", "line reader"), ("--strokes", "stroke finder")):
            to_bundle = ("--to", "bundle", "--out", "both.digits")
            none = inkdigits("export", "run", option, "mine.digits", *to_bundle)
            assert none.code == 2
            assert f"mine.digits has no {what}" in none.message
        to_onnx = ("--to", "onnx", "--out", "mine.onnx", "--strokes", "mine.digits")
        elsewhere = inkdigits("export", "run", *to_onnx)
        assert elsewhere.code == 2
        assert "--strokes goes into a bundle" in elsewhere.message
        shutil.copyfile(Bundle.open().path, tmp_path / "both.digits")
        parts = ("--lines", "shipped", "--strokes", "both.digits")
        for what in ("run", "mine.digits"):
            carried = inkdigits("export", what, *parts, "--to", "bundle", "--out", "both.digits")
            assert carried.code == 0, carried.err
        both = Bundle.open(tmp_path / "both.digits")
        assert both.strokes == Bundle.open().strokes
        assert both.name == "mine"
        assert both.graph == Bundle.open(tmp_path / "mine.digits").graph
        assert both.lines == Bundle.open().lines
        assert both.lines_temperature == Bundle.open().lines_temperature
        assert both.manifest["attribution"][0].startswith("Images of the person who trained it")
        assert "MNIST" in " ".join(both.manifest["attribution"])

        write("page.png", "01")
        read = inkdigits("read", "page.png", "--bundle", "mine.digits", "--format", "json")
        assert read.code == 0
        assert json.loads(read.out)["model"] == "mine"

    def test_an_ensemble_teaches_a_network_and_is_joined_with_it(self, inkdigits, tmp_path):
        images, labels = synthetic_digits(300, 3)
        np.savez(tmp_path / "mine.npz", x=images, y=labels)
        quick = ("--data", "mine.npz", "--set", "train.epochs=2", "--set", "train.batch_size=32")
        trained = inkdigits("train", "--out", "pair", "--model", "mlp", "--ensemble", 2, *quick)
        assert trained.code == 0, trained.err
        assert "member 1 of 2, epoch   1/2" in trained.err
        assert "member 2 of 2, epoch   2/2" in trained.err
        assert "pair: 2 × mlp, 2 epochs, validation accuracy 0." in trained.out

        exported = inkdigits("export", "pair", "--to", "bundle", "--out", "pair.digits")
        assert exported.code == 0, exported.err
        scored = [
            json.loads(inkdigits("evaluate", what, "--data", "mine.npz", "--json").out)
            for what in ("pair", "pair.digits")
        ]
        assert scored[0]["correct"] == scored[1]["correct"] > 100

        by = ("--out", "by-pair", "--model", "mlp", "--teacher", "pair")
        taught = inkdigits("train", *by, *quick)
        assert taught.code == 0, taught.err
        assert 'teacher = "pair"\n' in (tmp_path / "by-pair" / "config.toml").read_text()

        joined = inkdigits("join", "by-pair", "pair", "--out", "three")
        assert joined.code == 0, joined.err
        assert joined.out.startswith("with by-pair: validation accuracy 0.")
        assert inkdigits("evaluate", "three", "--data", "mine.npz").code == 0

        again = inkdigits("train", "--out", "pair", "--model", "mlp", "--ensemble", 2, *quick)
        assert (again.code, again.out) == (1, "")
        assert "already holds a run" in again.err
        resumed = inkdigits("train", "--out", "pair", "--resume")
        assert resumed.code == 0, resumed.err
        assert "epoch" not in resumed.err  # nothing was left to train
        assert resumed.out == trained.out

    def test_ctrl_c_in_a_member_says_how_to_go_on(self, inkdigits, monkeypatch):
        from inkdigits.training.progress import TrainingProgress

        quick = ("--data", "synthetic", "--set", "data.limit=60", "--set", "train.epochs=1")

        begin = TrainingProgress.on_train_begin

        def stop(self, logs=None):
            begin(self, logs)
            if "member 2" in self._title:
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(TrainingProgress, "on_train_begin", stop)
            done = inkdigits("train", "--out", "pair", "--model", "mlp", "--ensemble", 2, *quick)
        assert (done.code, done.out) == (130, "")
        assert "Stopped. Go on with: inkdigits train --out pair --resume" in done.err
        refused = inkdigits("export", "pair", "--to", "onnx", "--out", "x.onnx")
        assert refused.code == 1
        assert "did not finish" in refused.err
        resumed = inkdigits("train", "--out", "pair", "--resume")
        assert resumed.code == 0, resumed.err
        assert "member 1 of 2" not in resumed.err
        assert "member 2 of 2, epoch   1/1" in resumed.err
        assert resumed.out.startswith("pair: 2 × mlp, 1 epochs")

    def test_a_run_that_is_none(self, inkdigits, tmp_path):
        (tmp_path / "empty").mkdir()
        for arguments in (
            ("evaluate", "empty", "--data", "synthetic"),
            ("export", "empty", "--to", "onnx", "--out", "x.onnx"),
            ("export", "nowhere", "--to", "onnx", "--out", "x.onnx"),
            ("train", "--out", "empty", "--resume"),
            ("train", "--out", "new", "--teacher", "empty", "--data", "nowhere"),
            ("join", "empty", "nowhere", "--out", "new"),
        ):
            done = inkdigits(*arguments)
            assert (done.code, done.out) == (1, "")
            assert "holds no run" in done.err
            assert "inkdigits train --out" in done.err

    def test_models_are_listed_with_their_size(self, inkdigits):
        done = inkdigits("models")
        assert (done.code, done.err) == (0, "")
        header, *rows = done.out.splitlines()
        assert header.split() == ["name", "parameters", "multiply-adds", "MNIST", "test", "what"]
        assert [row.split()[0] for row in rows] == [*NAMES, LINE_READER, STROKE_FINDER]
        sizes = {row.split()[0]: int(row.split()[1].replace(",", "")) for row in rows}
        assert sizes["mlp"] == (784 + 1) * 128 + (128 + 1) * 10
        assert 0 < sizes["convnet"] <= 150_000
        assert sizes["micro"] < 1_000 < sizes["tiny"] < 10_000

    def test_models_are_listed_with_what_the_records_say(self, inkdigits):
        done = inkdigits("models")
        said = {row.split()[0]: row for row in done.out.splitlines()[1:]}
        records = json.loads((ROOT / "src/inkdigits/models/records.json").read_text("utf-8"))
        for name, row in said.items():
            if name not in records:
                assert "  –  " in row
                continue
            folders = (ROOT / "benchmarks/records").glob(f"????-??-??-{name}/figures.json")
            figures = json.loads(max(folders).read_text("utf-8"))["figures"]
            accuracy = [figure["mnist_test"]["accuracy"] for figure in figures]
            shown = f"{statistics.mean(accuracy):.2%}"
            if len(accuracy) > 1:
                shown += f" ± {statistics.stdev(accuracy):.2%}"
            assert f" {shown} ({len(accuracy)})  " in row
