"""A run that starts from another's network: what it takes over, records, and refuses."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inkdigits.bundle import Bundle, shipped_path, write_bundle
from inkdigits.config import Config
from inkdigits.errors import BundleError, ConfigError, InkdigitsError, RunError
from inkdigits.export import export
from inkdigits.synthesis.strokes import synthetic_digits
from inkdigits.training.ensemble import fit_ensemble, join
from inkdigits.training.finish import describe
from inkdigits.training.fit import fit
from inkdigits.training.run import Run
from inkdigits.training.start import Start

_HARDLY = {"epochs": 1, "learning_rate": 1e-8, "weight_decay": 0.0, "seed": 9}


@pytest.fixture(scope="module")
def before(quick_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(quick_config, tmp_path_factory.mktemp("runs") / "before")


def learned(run: Run) -> list[np.ndarray]:
    return [np.asarray(weight) for weight in run.load_model().trainable_weights]


def test_running_means_are_gone_on_with_too(quick_config: Config, tmp_path: Path, folder: Path):
    convnet = quick_config.replace(train={"model": "convnet", "epochs": 4})
    first = fit(convnet, tmp_path / "first")
    start = Start.open(convnet.replace(train={"start": str(first.folder)}))
    kept = first.load_model().get_weights()
    for weight, expected in zip(start.network.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(weight, expected)
    hardly = convnet.replace(train={**_HARDLY, "start": str(first.folder)})
    moved = fit(hardly, folder).history()[0]["val_loss"]
    assert moved == pytest.approx(first.history()[-1]["val_loss"], abs=0.2)


def test_running_means_of_an_average_are_left_as_they_are(
    quick_config: Config, tmp_path: Path, folder: Path
):
    convnet = quick_config.replace(train={"model": "convnet", "epochs": 1})
    first = fit(convnet, tmp_path / "first")
    apart = [
        fit(convnet.replace(train={"start": str(first.folder), "seed": seed}), tmp_path / str(seed))
        for seed in (1, 2)
    ]
    before = join([run.folder for run in apart], tmp_path / "mean", average_weights=True)
    for after in (folder, folder.with_name("after-that")):
        run = fit(convnet.replace(train={**_HARDLY, "start": str(before.folder)}), after)
        for weight, kept in zip(
            run.load_model().get_weights(), before.load_model().get_weights(), strict=True
        ):
            np.testing.assert_allclose(weight, kept, atol=1e-4)
        before = run


def test_it_goes_on_from_the_weights_that_were_kept(quick_config: Config, before, folder: Path):
    config = quick_config.replace(train={**_HARDLY, "start": str(before.folder)})
    after, fresh = fit(config, folder), fit(quick_config.replace(train=_HARDLY), folder / "fresh")
    for kept, moved in zip(learned(before), learned(after), strict=True):
        np.testing.assert_allclose(moved, kept, atol=1e-5)
    assert any(
        np.abs(kept - other).max() > 0.01
        for kept, other in zip(learned(before), learned(fresh), strict=True)
    )
    assert after.history()[0]["val_loss"] < 0.8 * fresh.history()[0]["val_loss"]
    told = after.read_json("environment.json")["start"]
    assert told["path"] == str(before.folder)
    assert told["sha256"] == hashlib.sha256(before.model_path.read_bytes()).hexdigest()


def exported(run: Run, path: Path) -> Path:
    images, labels = synthetic_digits(20, seed=6)
    export(
        run.load_model(),
        "bundle",
        path,
        ink=images.astype(np.float32) / 255,
        labels=labels,
        facts={"name": "before", **describe(run)},
    )
    return path


def test_a_bundle_is_gone_on_with_too(quick_config: Config, tmp_path: Path, folder: Path):
    convnet = quick_config.replace(train={"model": "convnet"})
    before = fit(convnet, tmp_path / "before")
    path = exported(before, tmp_path / "before.digits")
    hardly = convnet.replace(train={**_HARDLY, "start": str(path)})
    after = fit(hardly, folder)
    ink = synthetic_digits(30, seed=7)[0].astype(np.float32) / 255
    for name, found in after.load_model().predict_on_batch(ink).items():
        np.testing.assert_allclose(found, Bundle.open(path).run(ink)._asdict()[name], atol=1e-3)
    told = after.read_json("environment.json")["start"]
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(describe(before)["attribution"]) <= set(describe(after)["attribution"])
    other_split = hardly.replace(data={"seed": 1})
    with pytest.raises(RunError, match="may know those"):
        fit(other_split, folder.with_name("other"))


def test_what_ships_is_gone_on_with(quick_config: Config):
    config = quick_config.replace(
        train={"model": "residual", "start": "shipped"}, data={"nondigits": 10}
    )
    start = Start.open(config)
    assert start.sha256 == hashlib.sha256(shipped_path().read_bytes()).hexdigest()
    assert "MNIST, Y. LeCun and C. Cortes, CC BY-SA 3.0" in start.attribution


def test_a_bundle_of_several_networks_is_no_start(
    quick_config: Config, pair: Run, tmp_path: Path, folder: Path
):
    path = exported(pair, tmp_path / "pair.digits")
    with pytest.raises(BundleError, match=r"cannot be built anew.*Name the run"):
        fit(quick_config.replace(train={"start": str(path)}), folder)
    assert not folder.exists()


def test_a_bundle_that_says_another_network_is_no_start(
    quick_config: Config, before: Run, tmp_path: Path, folder: Path
):
    bundle = Bundle.open(exported(before, tmp_path / "before.digits"))
    facts = {name: bundle.manifest[name] for name in ("calibration", "training", "attribution")}
    facts["training"]["config"]["train"]["model"] = "convnet"
    path = tmp_path / "said.digits"
    write_bundle(path, name="said", graph=bundle.graph, classes="0123456789", **facts)
    with pytest.raises(BundleError, match="cannot be built anew"):
        fit(quick_config.replace(train={"model": "convnet", "start": str(path)}), folder)


def test_a_bundle_that_does_not_say_how_it_was_trained_is_no_start(
    quick_config: Config, tmp_path: Path
):
    shipped = Bundle.open()
    path, facts = tmp_path / "mute.digits", shipped.manifest["calibration"]
    write_bundle(
        path,
        name="mute",
        graph=shipped.graph,
        classes="0123456789",
        calibration=facts,
        training={},
        attribution=[],
    )
    with pytest.raises(BundleError, match="cannot be built anew"):
        Start.open(quick_config.replace(train={"start": str(path)}))


def test_a_share_of_the_start_is_kept(quick_config: Config, before: Run, folder: Path):
    start = {"start": str(before.folder)}
    trained = fit(quick_config.replace(train=start), folder)
    mixed = fit(quick_config.replace(train={**start, "start_share": 0.75}), folder / "mixed")
    for first, last, kept in zip(learned(before), learned(trained), learned(mixed), strict=True):
        np.testing.assert_allclose(kept, 0.75 * first + 0.25 * last, atol=1e-6)
        assert np.abs(last - first).max() > 0.001


def test_a_share_of_no_start_is_refused(quick_config: Config, folder: Path):
    with pytest.raises(ConfigError, match=r"start_share is 0\.5, but there is no start"):
        fit(quick_config.replace(train={"start_share": 0.5}), folder)
    assert not folder.exists()


def unfinished(before: Run, folder: Path) -> Path:
    shutil.copytree(before.folder, folder / "half")
    (folder / "half" / "calibration.json").unlink()
    return folder / "half"


def missing(before: Run, folder: Path) -> Path:
    return folder / "nobody"


def itself(before: Run, folder: Path) -> Path:
    return before.folder


@pytest.mark.parametrize(
    ("make", "change", "kind", "match"),
    [
        (missing, {}, "RunError", r"train\.start is .*holds no run"),
        (unfinished, {}, "RunError", r"train\.start is .*did not finish"),
        (itself, {"train": {"model": "convnet"}}, "ConfigError", "has the network mlp with 10"),
        (itself, {"data": {"nondigits": 100}}, "ConfigError", "but mlp with 11 is to be trained"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_start_is_refused_before_data_is_read(
    quick_config: Config, before, tmp_path: Path, folder: Path, make: Any, change, kind, match: str
):
    config = quick_config.replace(train={"start": str(make(before, tmp_path))}).replace(**change)
    with pytest.raises(InkdigitsError, match=match) as caught:
        fit(config, folder)
    assert type(caught.value).__name__ == kind
    assert not folder.exists()


def own_digits(path: Path, num: int = 60) -> dict[str, Any]:
    """Settings of digits that somebody else wrote."""
    images = np.random.default_rng(1).integers(0, 256, (num, 28, 28), np.uint8)
    np.savez(path, x=images, y=np.arange(num) % 10)
    return {"source": str(path), "limit": 0, "seed": 4}


def trained(config: Config, folder: Path, **sections: Any) -> Run:
    return fit(config.replace(train=_HARDLY).replace(**sections), folder)


def test_another_source_may_be_split_anyhow_and_all_are_named(
    quick_config: Config, before, tmp_path: Path, folder: Path
):
    start = {"start": str(before.folder)}
    run = trained(quick_config, folder, data=own_digits(tmp_path / "own.npz"), train=start)
    named = describe(run)["attribution"]
    assert named[0] == f"Images of the person who trained it: {tmp_path / 'own.npz'}"
    assert set(describe(before)["attribution"]) < set(named)


def respelled(data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    path = Path(data["source"])
    return {**data, "source": str(path.parent / "first" / ".." / path.name), "seed": 5}


def at_home(data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setenv("HOME", str(Path(data["source"]).parent))
    return {**data, "source": f"~/{Path(data['source']).name}", "validation_share": 0.4}


def grown(data: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    return own_digits(Path(data["source"]), 80)


@pytest.mark.parametrize("change", [respelled, at_home, grown])
def test_one_that_knows_what_is_validated_on_is_refused(
    quick_config: Config, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, change: Any
):
    data = own_digits(tmp_path / "own.npz")
    first = trained(quick_config, tmp_path / "first", data=data)
    changed, start = change(data, monkeypatch), {"start": str(first.folder)}
    for members in (1, 2):
        config = quick_config.replace(data=changed, train={**start, "members": members})
        with pytest.raises(RunError, match=r"may know those.*Set data\.limit"):
            (fit if members == 1 else fit_ensemble)(config, folder)
    assert not folder.exists()


def test_so_is_one_that_learned_it_from_its_own_start(
    quick_config: Config, before, tmp_path: Path, folder: Path
):
    other = own_digits(tmp_path / "own.npz")
    start = {"start": str(before.folder)}
    second = trained(quick_config, tmp_path / "second", data=other, train=start)
    start = {"start": str(second.folder)}
    with pytest.raises(RunError, match="may know those"):
        trained(quick_config, folder, data={"seed": 1}, train=start)
    assert trained(quick_config, folder, train=start).is_finished  # split as it was


def test_it_goes_on_only_with_the_start_that_it_had(
    quick_config: Config, before, tmp_path: Path, folder: Path
):
    shutil.copytree(before.folder, tmp_path / "first")
    config = quick_config.replace(train={**_HARDLY, "start": str(tmp_path / "first")})
    run = fit(config, folder)
    model = run.load_model()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    run.save_model(model, tmp_path / "first" / "model.keras")
    with pytest.raises(RunError, match=r"another start: .*Put the former one back"):
        fit(config, folder, resume=True)


def test_so_does_an_ensemble(quick_config: Config, before, tmp_path: Path, folder: Path):
    shutil.copytree(before.folder, tmp_path / "first")
    start = {"start": str(tmp_path / "first"), "members": 2}
    run = fit_ensemble(quick_config.replace(train={**_HARDLY, **start}), folder)
    told = run.read_json("environment.json")["members"]
    assert [each["start"]["path"] for each in told] == [str(tmp_path / "first")] * 2
    (folder / "calibration.json").unlink()
    model = before.load_model()
    model.set_weights([weight + 1 for weight in model.get_weights()])
    before.save_model(model, tmp_path / "first" / "model.keras")
    with pytest.raises(RunError, match="another start"):
        fit_ensemble(run.config(), folder, resume=True)
