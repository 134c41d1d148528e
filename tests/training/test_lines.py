"""The training of the line reader, and the way of what it made into a bundle."""

import numpy as np
import pytest

from inkdigits import Reader
from inkdigits.bundle import Bundle
from inkdigits.config import AugmentConfig, Config
from inkdigits.errors import BundleError, ConfigError, ExportError, RunError
from inkdigits.export import add_part
from inkdigits.imaging.strips import FRAME_PX
from inkdigits.models.lines import MAX_MARKS, NOBODY
from inkdigits.strings import BLANK
from inkdigits.synthesis import synthetic_digits
from inkdigits.training.finish import describe
from inkdigits.training.lines import (
    StripBatches,
    describe_lines,
    fit_lines,
    frame_labels,
    held_strips,
    mean_loss,
    string_of,
)
from inkdigits.training.run import Run
from inkdigits.training.strips import Strips

AUGMENT = AugmentConfig(rotation_deg=5.0, shear=0.2, scale=0.2, aspect=0.2, pen_width=0.5)


@pytest.fixture(scope="module")
def config() -> Config:
    return Config().replace(
        data={"source": "synthetic", "limit": 200, "strips": 40, "seed": 5},
        train={"model": "lines", "epochs": 2, "batch_size": 20, "learning_rate": 0.003},
    )


@pytest.fixture(scope="module")
def run(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One whole run; nobody may change it."""
    return fit_lines(config, tmp_path_factory.mktemp("lines") / "whole")


def marks(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


class TestTargets:
    def test_a_frame_in_the_middle_of_a_digit_says_it(self):
        labels = frame_labels(marks((3, 10, 22), (0, 24, 38)), 30)
        assert labels[16 // FRAME_PX] == 4
        assert labels[31 // FRAME_PX] == 1
        assert labels[0] == labels[23 // FRAME_PX] == labels[-1] == BLANK
        assert NOBODY in labels

    def test_two_narrow_ones_close_together_have_a_frame_each(self):
        labels = frame_labels(marks((1, 10, 12), (1, 16, 18)), 20)
        is_one = labels == 2
        assert is_one[5]
        assert is_one[8]
        assert not is_one[6:8].all()

    def test_what_is_no_digit_is_one_label_however_much_it_is(self):
        found = marks((10, 0, 10), (10, 11, 20), (4, 22, 30), (10, 31, 40))
        assert string_of(found) == [11, 5, 11]

    def test_from_left_to_right_whatever_their_order(self):
        assert string_of(marks((2, 20, 30), (1, 0, 10))) == [2, 3]


class TestBatches:
    @pytest.fixture
    def strips(self) -> Strips:
        """Bars of 4 px, one or two in a strip, at known places."""
        rng, pixels, found = np.random.default_rng(0), [], []
        for number in range(50):
            strip, rows = np.zeros((32, 30 + 20 * (number % 3)), np.uint8), []
            for left in rng.choice(np.arange(5, 26, 10), 1 + number % 2, replace=False).tolist():
                strip[6:26, left : left + 4] = 255
                rows.append((1, left, left + 4))
            pixels.append(strip)
            found.append(marks(*sorted(rows)))
        return Strips(pixels, found)

    def test_every_strip_comes_once_an_epoch(self, strips):
        batches = StripBatches(strips, 16, 0, AUGMENT)
        assert sorted(np.concatenate(batches.batches).tolist()) == list(range(50))
        before = [batch.tolist() for batch in batches.batches]
        batches.set_epoch(1)
        assert before != [batch.tolist() for batch in batches.batches]
        batches.set_epoch(0)
        assert before == [batch.tolist() for batch in batches.batches]

    def test_shapes(self, strips):
        batches = StripBatches(strips, 16, 0, AUGMENT)
        for index in range(len(batches)):
            ink, targets = batches[index]
            assert ink.dtype == np.float32
            assert ink.shape[:2] == (len(batches.batches[index]), 32)
            assert targets.shape == (len(ink), ink.shape[2] // FRAME_PX + MAX_MARKS)

    def test_labels_move_with_the_ink(self, strips):
        batches = StripBatches(strips, 16, 0, AUGMENT)
        num_labels = 0
        for index in range(len(batches)):
            ink, targets = batches[index]
            for strip, target in zip(ink, targets[:, :-MAX_MARKS], strict=True):
                frames = np.flatnonzero(target == 2)
                columns = strip[13:19].max(axis=0)  # around the middle of the height
                assert all(columns[FRAME_PX * f : FRAME_PX * (f + 1)].max() > 0.2 for f in frames)
                num_labels += len(frames)
        assert num_labels >= 75

    def test_without_augmentation_they_are_as_they_were(self, strips):
        batches = StripBatches(strips, 16, 0)
        ink, _ = batches[0]
        for strip, number in zip(ink, batches.batches[0].tolist(), strict=True):
            width = strips.pixels[number].shape[1]
            np.testing.assert_array_equal(strip[:, :width] * 255, strips.pixels[number])


@pytest.mark.slow
class TestRun:
    def test_it_learns(self, run: Run):
        first, last = run.history()
        assert last["loss"] < first["loss"]
        assert last["val_loss"] < first["val_loss"]
        assert run.is_finished

    def test_an_interrupted_run_goes_on_as_if_it_never_had_been(self, config, run, tmp_path, watch):
        def stop(model):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit_lines(config, tmp_path / "run", callbacks=[watch(2, stop)])
        resumed = fit_lines(config, tmp_path / "run", resume=True)
        whole, again = (of.history()[-1] for of in (run, resumed))
        assert again["epoch"] == 2
        assert again["val_loss"] == pytest.approx(whole["val_loss"], rel=1e-4)

    def test_a_bundle_with_it_reads_the_same_strips(self, run, tmp_path):
        path, strips = tmp_path / "with.digits", held_strips(run, 5)
        difference = add_part(
            Bundle.open(),
            "lines",
            run.load_model(),
            path,
            examples=strips,
            facts=describe_lines(run),
        )
        assert difference < 1e-4
        bundle = Bundle.open(path)
        assert bundle.has_lines
        assert bundle.name == Bundle.open().name
        assert bundle.lines_temperature == run.read_json("calibration.json")["temperature"]
        expected = np.asarray(run.load_model()(strips[0][None], training=False))[0]
        np.testing.assert_allclose(bundle.run_strip(strips[0]), expected, atol=1e-3)
        images, labels = synthetic_digits(30, seed=9)
        read = Reader(path).read_digits(images)  # single digits are none of its business
        assert [d.value for d in read] == [d.value for d in Reader().read_digits(images)]
        assert np.mean([d.value == str(v) for d, v in zip(read, labels, strict=True)]) > 0.8

    def test_what_disagrees_is_not_written(self, run, tmp_path):
        model = run.load_model()
        strips = held_strips(run, 2)

        class Liar:
            def export(self, *arguments, **options):
                model.export(*arguments, **options)

            def __call__(self, *arguments, **options):
                return model(*arguments, **options) * 2.0 + 1.0

        with pytest.raises(ExportError, match="disagrees"):
            add_part(
                Bundle.open(), "lines", Liar(), tmp_path / "no.digits", examples=strips, facts={}
            )
        assert not (tmp_path / "no.digits").exists()


class TestErrors:
    def test_without_strips(self, config, tmp_path):
        with pytest.raises(ConfigError, match=r"data\.strips is 0.*100000"):
            fit_lines(config.replace(data={"strips": 0}), tmp_path / "run")

    @pytest.mark.parametrize(
        "change",
        [{"members": 3}, {"teacher": "runs/other"}, {"start": "runs/other"}, {"start_share": 0.5}],
    )
    def test_what_it_does_not_have(self, config, tmp_path, change):
        with pytest.raises(ConfigError, match="learns alone"):
            fit_lines(config.replace(train=change), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    @pytest.mark.parametrize("change", [{"keep": "best"}, {"patience": 2}, {"tensorboard": True}])
    def test_what_it_would_not_do(self, config, tmp_path, change):
        with pytest.raises(ConfigError, match="never stops early"):
            fit_lines(config.replace(train=change), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_other_views_of_a_strip(self, config, tmp_path):
        with pytest.raises(ConfigError, match=r"view_angle_deg is 8.*looks once"):
            fit_lines(config.replace(train={"view_angle_deg": 8.0}), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_a_training_that_diverged_is_seen(self):
        """Numbers that are none must not look like a loss of 0."""
        broken = np.full((10, 12), np.nan, np.float32)
        assert np.isnan(mean_loss([broken, np.zeros((10, 12), np.float32)], [[1], [2]]))

    def test_damaged_strips(self, config, run, tmp_path):
        folder = tmp_path / "run"
        folder.mkdir()
        (folder / "strips-validation.npz").write_bytes(b"PK no zip")
        with pytest.raises(RunError, match=r"strips-validation\.npz is missing or damaged"):
            held_strips(Run(folder))

    def test_a_run_of_something_else(self, trained):
        with pytest.raises(RunError, match=r"a run of mlp.*configs/lines\.toml"):
            describe_lines(trained.run)

    def test_a_line_reader_where_a_network_is_wanted(self, config, tmp_path):
        run = Run.create(tmp_path / "run", config)
        with pytest.raises(RunError, match=r"reads no single digits.*--lines"):
            describe(run)

    @pytest.mark.parametrize("temperature", [0.0, float("nan"), "hot", None])
    def test_a_temperature_that_cannot_be_used(self, temperature):
        shipped = Bundle.open()
        manifest = shipped.manifest | {"lines": {"calibration": {"temperature": temperature}}}
        with pytest.raises(BundleError, match="no temperature that can be used"):
            Reader(Bundle(manifest, shipped.graph, lines=b"a graph"))

    def test_a_bundle_that_has_none(self):
        bundle = Bundle(Bundle.open().manifest, Bundle.open().graph)
        assert not bundle.has_lines
        with pytest.raises(BundleError, match="no line reader"):
            bundle.run_strip(np.zeros((32, 40), np.float32))
