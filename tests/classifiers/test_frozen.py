"""Features of networks from elsewhere. Nothing is fetched: weights are made here."""

from __future__ import annotations

import importlib
import linecache
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.classifiers import open_classifier
from mcal.errors import ClassifierError, MissingExtraError
from mcal.settings import ClassifierSettings

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from mcal.classifiers.frozen import check_features, open_frozen  # noqa: E402

CPU = torch.device("cpu")


def block(n: int = 3, side: int = 10, channels: int = 1) -> Any:
    random = np.random.default_rng(n)
    return torch.from_numpy(random.integers(0, 256, (n, side, side, channels), dtype=np.uint8))


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A state that torchvision finds where it keeps what it has fetched."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    torch.manual_seed(0)
    model = torchvision.models.squeezenet1_1(weights=None)
    chosen = torchvision.models.SqueezeNet1_1_Weights.DEFAULT
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(model.state_dict(), folder / Path(chosen.url).name)
    return model.eval(), chosen


def test_torchvision_gets_the_size_and_the_colours_it_was_taught_with(weights: Any) -> None:
    model, chosen = weights
    images = block(channels=3, side=chosen.transforms().crop_size[0])  # nothing to resize
    found = open_frozen("torchvision:squeezenet1_1", CPU).embed(images)
    mean, std = (
        torch.tensor(getattr(chosen.transforms(), k)).view(3, 1, 1) for k in ("mean", "std")
    )
    with torch.no_grad():  # what comes before the layer that makes the logits, pooled as they are
        expected = model.features((images.permute(0, 3, 1, 2) / 255.0 - mean) / std).mean((2, 3))
    assert found.shape == (3, 512)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_grey_is_three_equal_colours_and_any_size_will_do(weights: Any) -> None:
    frozen = open_frozen("torchvision:squeezenet1_1", CPU)
    grey = block(side=28)
    found = frozen.embed(grey)
    assert found.shape == (3, 512)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, frozen.embed(grey.expand(-1, -1, -1, 3)))


def test_weights_that_cannot_be_fetched_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(*_: Any, **__: Any) -> Any:
        raise OSError("no network here")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    with pytest.raises(ClassifierError, match="torchvision:resnet18 cannot be loaded: no") as told:
        open_frozen("torchvision:resnet18", CPU)
    chosen = torchvision.models.ResNet18_Weights.DEFAULT
    assert str(tmp_path / "hub" / "checkpoints" / Path(chosen.url).name) in str(told.value)
    assert chosen.url in str(told.value)


def test_timm_gets_the_size_and_the_colours_it_was_taught_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    timm = pytest.importorskip("timm")
    made = timm.create_model

    def unfetched(name: str, *, pretrained: bool, **options: Any) -> Any:
        assert pretrained
        torch.manual_seed(0)
        return made(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", unfetched)
    frozen = open_frozen("timm:test_resnet", CPU)
    model = unfetched("test_resnet", pretrained=True, num_classes=0).eval()
    wanted = timm.data.resolve_model_data_config(model)
    side = wanted["input_size"][1]
    images = block(2, side, 3)
    with torch.no_grad():
        x = images.permute(0, 3, 1, 2) / 255.0
        mean, std = (torch.tensor(wanted[k]).view(3, 1, 1) for k in ("mean", "std"))
        expected = model((x - mean) / std)
    torch.testing.assert_close(frozen.embed(images), expected, atol=1e-4, rtol=1e-4)
    assert frozen.embed(block(2, 28)).shape == expected.shape


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError, match=r"mcal\[timm\]"):
        check_features("timm:resnet18")


class Means(torch.nn.Module):
    """Mean of each colour."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(3))

    def forward(self, images: Any) -> Any:
        return images.mean((2, 3)) * self.scale


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made: Any = types.ModuleType("somebody")
    made.network = Means
    made.function = lambda: lambda images: images.mean(axis=(1, 2))
    made.flat = lambda: lambda images: np.zeros(len(images))
    made.nothing = lambda: None
    made.number = 7
    monkeypatch.setitem(sys.modules, "somebody", made)
    return made


def test_a_module_gets_values_from_0_to_1_a_function_what_the_pool_reads(module: Any) -> None:
    images = block(4)
    expected = images.float().mean((1, 2))
    frozen = open_frozen("somebody:network", CPU)
    torch.testing.assert_close(frozen.embed(images), expected.expand(-1, 3) / 255.0)
    torch.testing.assert_close(open_frozen("somebody:function", CPU).embed(images), expected)


def test_the_key_follows_the_weights(module: Any) -> None:
    first = open_frozen("somebody:network", CPU).key
    assert open_frozen("somebody:network", CPU).key == first
    module.network = lambda: torch.nn.Sequential(Means(), torch.nn.Linear(3, 2))
    assert open_frozen("somebody:network", CPU).key != first


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("flat", r"expected shape \(3, D\), found \(3,\)"),
        ("nothing", "found NoneType"),
    ],
)
def test_what_gives_no_features_is_told(module: Any, name: str, message: str) -> None:
    with pytest.raises(ClassifierError, match=message):
        open_frozen(f"somebody:{name}", CPU).embed(block())


def test_what_would_fail_in_the_first_training_is_tried_out(
    images: Any, module: Any, tmp_path: Path
) -> None:
    def fails(_: Any) -> Any:
        raise KeyError("colour")

    def opened(name: str, try_out: bool = True) -> Any:
        settings = ClassifierSettings(recipe="embedding", features=name, device="cpu")
        return open_classifier(settings, images[0], try_out=try_out)

    module.fails = lambda: fails
    (tmp_path / "body.pt2").write_bytes(b"nothing")
    for name, message in (
        ("somebody:fails", "classifier.features: somebody:fails fails for .* KeyError: 'colour'"),
        ("somebody:flat", r"expected shape \(2, D\), found \(2,\)"),
        ("somebody:nothing", "found NoneType"),
        (f"file:{tmp_path / 'body.pt2'}", "cannot be loaded"),
    ):
        with pytest.raises(ClassifierError, match=message):
            opened(name)
        opened(name, try_out=False)  # a campaign that goes on pays for no opening
    state = torch.get_rng_state()
    module.chance = lambda: torch.nn.Sequential(Means(), torch.nn.Linear(3, 2))
    assert opened("somebody:chance").name == "somebody-chance/embedding"
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("suffix", [".pt2", ".pt"])
def test_a_file_is_a_network_too(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"body{suffix}"
    example = torch.zeros(2, 3, 10, 10)
    if suffix == ".pt2":
        any_count = {0: torch.export.Dim("n")}
        torch.export.save(
            torch.export.export(Means(), (example,), dynamic_shapes=(any_count,)), path
        )
    else:
        with pytest.warns(FutureWarning):
            torch.jit.trace(Means(), example).save(path)
    images = block(5)
    found = open_frozen(f"file:{path}", CPU).embed(images)
    torch.testing.assert_close(found, images.float().mean((1, 2)).expand(-1, 3) / 255.0)


def test_a_file_that_is_no_network_is_told(tmp_path: Path) -> None:
    path = tmp_path / "body.pt2"
    path.write_bytes(b"nothing")
    with pytest.raises(ClassifierError, match="cannot be loaded"):
        open_frozen(f"file:{path}", CPU)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("resnet50", "expected .*found 'resnet50'"),
        (":x", "expected .*found ':x'"),
        ("torchvision:resnet51", "expected a classification model .*resnet50.*found 'resnet51'"),
        ("torchvision:small-cnn", "expected a classification model .*found 'small-cnn'"),
        ("timm:resnet51", "expected a model of timm"),
        ("file:/nowhere/body.pt", "expected a file, found no body.pt in /nowhere"),
        (
            "nobody_has_this:f",
            ".* right form, but cannot be imported: ModuleNotFoundError: No module .*nobody_has",
        ),
        ("somebody:missing", ".* right form, .*: AttributeError: .*no attribute"),
        ("somebody:number", "expected a function, found 'somebody:number', int"),
        ("..:f", 'expected .*"MODULE:FUNCTION" or "self", found'),
    ],
)
def test_features_that_nothing_computes_are_refused(
    images: Any, module: Any, features: str, message: str
) -> None:
    if features.startswith("timm"):
        pytest.importorskip("timm")
    settings = ClassifierSettings(recipe="embedding", features=features, device="cpu")
    with pytest.raises(ValueError, match=f"^classifier.features: {message}"):
        open_classifier(settings, images[0])


def test_a_function_and_a_file_are_found_in_their_folder(
    images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "features_of_ours.py").write_text(
        "def colours():\n    return lambda images: images.mean(axis=(2, 3))\n"
    )
    (tmp_path / "broken_of_ours.py").write_text("def\n")
    with pytest.warns(FutureWarning):
        torch.jit.trace(Means(), torch.zeros(2, 3, 8, 8)).save(tmp_path / "body.pt")

    def opened(features: str) -> Any:
        settings = ClassifierSettings(
            recipe="embedding", features=features, path=tmp_path, device="cpu"
        )
        return open_classifier(settings, images[0], try_out=True)

    for features in ("features_of_ours:colours", "file:body.pt"):
        model = opened(features).train(*images[:1], np.arange(9), images[1][:9], seed=0)
        assert model.score(images[0], np.arange(3)).logits.shape == (3, 3)
    for features, words in (
        ("broken_of_ours:f", f"SyntaxError: .*where Python searches and in {tmp_path}"),
        ("file:nope.pt2", f"found no nope.pt2 in {tmp_path}"),
    ):
        with pytest.raises(ValueError, match=f"^classifier.features: .*{words}"):
            opened(features)


def test_a_head_on_a_user_s_function_learns_and_comes_back(
    images: Any, module: Any, tmp_path: Path
) -> None:
    pool, labels = images
    module.function = lambda: lambda images: images.mean(axis=(2, 3))  # rows: that is the class
    settings = ClassifierSettings(recipe="embedding", features="somebody:function", device="cpu")
    classifier = open_classifier(settings, pool, cache=tmp_path)
    assert classifier.name == "somebody-function/embedding"
    model = classifier.train(pool, np.arange(50), labels[:50], seed=0)
    scores = model.score(pool, np.arange(50, 300), embeddings=True)
    assert np.mean(scores.logits.argmax(1) == labels[50:]) > 0.95
    assert scores.embeddings.shape == (250, 8)
    model.save(tmp_path / "model.pt")
    again = open_classifier(settings, pool, cache=tmp_path).load(tmp_path / "model.pt", pool)
    np.testing.assert_array_equal(again.score(pool, np.arange(50, 300)).logits, scores.logits)


@pytest.mark.parametrize("made", ["torch.nn.Flatten()", "lambda images: images.mean((1, 2))"])
def test_the_key_follows_the_file_of_a_function(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    keys = []
    for text in (made, made, f"{made} "):
        monkeypatch.delitem(sys.modules, "written", raising=False)
        (tmp_path / "written.py").write_text(f"import torch\ndef body():\n    return {text}\n")
        importlib.invalidate_caches()
        linecache.clearcache()
        keys.append(open_frozen("written:body", CPU).key)
    assert keys[0] == keys[1] != keys[2]


def test_a_model_is_loaded_without_its_features(images: Any, module: Any, tmp_path: Path) -> None:
    """They may have to be computed again, which is billed: the first scoring does it."""
    pool, labels = images
    n_asked: list[int] = []

    def counted(images: Any) -> Any:
        n_asked.append(len(images))
        return images.mean(axis=(2, 3))

    module.function = lambda: counted
    settings = ClassifierSettings(recipe="embedding", features="somebody:function", device="cpu")
    opened = open_classifier(settings, pool)
    opened.train(pool, np.arange(50), labels[:50], seed=0).save(tmp_path / "model.pt")
    n_asked.clear()
    loaded = open_classifier(settings, pool).load(tmp_path / "model.pt", pool)
    assert not n_asked
    said: list[str] = []
    loaded.score(pool, np.arange(3), progress=lambda share, words: said.append(words))
    assert sum(n_asked) == pool.n_pool
    module.function = lambda: lambda images: images.mean(axis=(1, 2))  # another width
    loaded = open_classifier(settings, pool).load(tmp_path / "model.pt", pool)
    with pytest.raises(ClassifierError, match=r"items of shape \(8,\), as .* found \(1,\)"):
        loaded.score(pool, np.arange(3))
