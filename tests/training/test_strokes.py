"""The training of the stroke finder, and the way of what it made into a bundle."""

import numpy as np
import pytest

from inkdigits.bundle import Bundle
from inkdigits.config import Config
from inkdigits.errors import BundleError, ConfigError, RunError
from inkdigits.export import add_part, carry_part
from inkdigits.synthesis import synthetic_digits
from inkdigits.training.finish import describe
from inkdigits.training.lines import describe_lines
from inkdigits.training.patches import PATCH_PX, Patches, as_missing, make_patches
from inkdigits.training.run import Run
from inkdigits.training.strokes import (
    PatchBatches,
    describe_strokes,
    fit_strokes,
    held_patches,
)


@pytest.fixture(scope="module")
def config() -> Config:
    return Config().replace(
        data={"source": "synthetic", "limit": 200, "patches": 24, "seed": 5},
        train={"model": "strokes", "epochs": 2, "batch_size": 4, "learning_rate": 0.004},
    )


@pytest.fixture(scope="module")
def run(config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One whole run; nobody may change it."""
    return fit_strokes(config, tmp_path_factory.mktemp("strokes") / "whole")


@pytest.fixture(scope="module")
def patches() -> Patches:
    return make_patches(*synthetic_digits(100, seed=1), 40, seed=3)


class TestPatches:
    def test_the_same_seed_makes_the_same(self, patches):
        again = make_patches(*synthetic_digits(100, seed=1), 40, seed=3)
        np.testing.assert_array_equal(patches.light, again.light)
        np.testing.assert_array_equal(patches.ink, again.ink)

    def test_shapes(self, patches):
        assert patches.light.shape == patches.ink.shape == (40, PATCH_PX, PATCH_PX)
        assert patches.light.dtype == patches.ink.dtype == np.uint8

    def test_where_somebody_wrote_light_is_missing(self, patches):
        missing = as_missing(patches.light)
        is_ink, is_paper = patches.ink > 200, patches.ink == 0
        shown = is_ink.sum(axis=(1, 2)) > 100
        assert shown.sum() > 20
        on_ink = [missing[k][is_ink[k]].mean() for k in np.flatnonzero(shown)]
        on_paper = [missing[k][is_paper[k]].mean() for k in np.flatnonzero(shown)]
        assert np.mean(np.array(on_ink) > np.array(on_paper) + 0.1) > 0.9

    def test_much_of_what_is_dark_was_not_written(self, patches):
        """Rulings, tables, shadows and scenes: else there were nothing to learn."""
        is_dark = as_missing(patches.light) > 0.4
        assert (is_dark & (patches.ink == 0)).sum() > 0.1 * is_dark.sum()


class TestBatches:
    def test_every_patch_comes_once_an_epoch_as_it_was(self):
        """But for mirrors and turns, which light and ink share, and for how dark it is."""
        rng = np.random.default_rng(0)
        light = np.repeat(rng.integers(30, 60, (12, 1, 1)), PATCH_PX, 1).astype(np.uint8)
        light = np.repeat(light, PATCH_PX, 2)
        light[:, :40, :80] += np.arange(100, 112, dtype=np.uint8)[:, None, None]
        ink = np.where(light > 90, 255, 0).astype(np.uint8)
        batches = PatchBatches(Patches(light, ink), 4, 0)
        assert len(batches) == 3
        orders = []
        for epoch in (0, 1, 0):
            batches.set_epoch(epoch)
            found = [batches[index] for index in range(len(batches))]
            orders.append(np.concatenate([seen for seen, _ in found]))
            for seen, written in found:
                assert seen.dtype == written.dtype == np.float32
                assert (seen[written == 1].min()) > seen[written == 0].max()
                assert written.mean(axis=(1, 2)) == pytest.approx(40 * 80 / PATCH_PX**2)
        np.testing.assert_array_equal(orders[0], orders[2])
        assert not np.array_equal(orders[0], orders[1])


class TestRun:
    def test_it_learns(self, run):
        history = run.history()
        assert [row["epoch"] for row in history] == [1, 2]
        assert history[-1]["loss"] < history[0]["loss"]
        assert 0 <= history[-1]["val_accuracy"] <= 1
        assert (run.folder / "curves.png").is_file()

    def test_it_goes_on_as_if_it_had_not_been_stopped(self, run, config, tmp_path, watch):
        def stop(model):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit_strokes(config, tmp_path / "run", callbacks=[watch(2, stop)])
        assert len(Run(tmp_path / "run").history()) == 1
        resumed = fit_strokes(config, tmp_path / "run", resume=True)
        assert resumed.history()[0] == Run(tmp_path / "run").history()[0]
        whole, again = (of.history()[-1] for of in (run, resumed))
        assert again["epoch"] == 2
        assert again["val_loss"] == pytest.approx(whole["val_loss"], rel=1e-3)

    def test_a_bundle_with_it_sees_the_same(self, run, tmp_path):
        path, shipped = tmp_path / "with.digits", Bundle.open()
        patches = held_patches(run, 3)
        difference = add_part(
            shipped,
            "strokes",
            run.load_model(),
            path,
            examples=patches,
            facts=describe_strokes(run),
        )
        assert difference < 1e-4
        bundle = Bundle.open(path)
        assert bundle.has_strokes
        assert bundle.lines == shipped.lines  # the other part stays
        assert bundle.manifest["strokes"]["training"]["config"]["train"]["model"] == "strokes"
        expected = np.asarray(run.load_model()(patches[0][None], training=False))[0]
        np.testing.assert_allclose(bundle.run_page(patches[0]), expected, atol=1e-3)

        carry_part(Bundle(shipped.manifest, shipped.graph), "strokes", bundle, path)
        carried = Bundle.open(path)
        assert carried.strokes == bundle.strokes
        assert not carried.has_lines


class TestErrors:
    def test_without_patches(self, config, tmp_path):
        with pytest.raises(ConfigError, match=r"data\.patches is 0.*24000"):
            fit_strokes(config.replace(data={"patches": 0}), tmp_path / "run")

    @pytest.mark.parametrize(
        "change", [{"members": 3}, {"teacher": "runs/other"}, {"start": "runs/other"}]
    )
    def test_what_it_does_not_have(self, config, tmp_path, change):
        with pytest.raises(ConfigError, match="stroke finder learns alone"):
            fit_strokes(config.replace(train=change), tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_damaged_patches(self, run, tmp_path):
        path = tmp_path / "patches-validation.npz"
        whole = (run.folder / path.name).read_bytes()
        middle = len(whole) // 2
        spoiled = whole[:middle] + bytes(200) + whole[middle + 200 :]
        for content in (b"PK no zip", whole[:middle], spoiled):
            path.write_bytes(content)
            with pytest.raises(RunError, match=r"patches-validation\.npz is missing or damaged"):
                held_patches(Run(tmp_path))

    def test_a_run_of_something_else(self, trained, run):
        with pytest.raises(RunError, match=r"a run of mlp.*configs/strokes\.toml"):
            describe_strokes(trained.run)
        with pytest.raises(RunError, match=r"a run of strokes.*configs/lines\.toml"):
            describe_lines(run)

    def test_a_stroke_finder_where_a_network_is_wanted(self, run):
        with pytest.raises(RunError, match=r"reads no single digits.*--strokes"):
            describe(run)

    def test_a_bundle_that_has_none(self):
        bundle = Bundle(Bundle.open().manifest, Bundle.open().graph)
        assert not bundle.has_strokes
        with pytest.raises(BundleError, match="no stroke finder"):
            bundle.run_page(np.zeros((32, 32), np.float32))

    def test_a_graph_of_something_else(self):
        shipped = Bundle.open()
        bundle = Bundle(shipped.manifest, shipped.graph, strokes=shipped.graph)
        with pytest.raises(BundleError, match="Expected pages"):
            bundle.run_page(np.zeros((32, 32), np.float32))
