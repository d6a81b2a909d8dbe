"""Names, devices, and the import that is put off."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mcal.classifiers import open_classifier
from mcal.errors import MissingExtraError
from mcal.settings import ClassifierSettings

torch = pytest.importorskip("torch")


def test_auto_goes_by_pool_and_device(images: Any, vectors: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    classifier = open_classifier(ClassifierSettings(), images[0])
    assert (classifier.name, classifier.device) == ("small-cnn/fast", "cpu")
    assert open_classifier(ClassifierSettings(), vectors[0]).name == "linear/fast"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    classifier = open_classifier(ClassifierSettings(recipe="paper"), images[0])
    assert (classifier.name, classifier.device) == ("resnet18/paper", "cuda")
    assert open_classifier(ClassifierSettings(), vectors[0]).name == "linear/fast"


@pytest.mark.parametrize(
    ("architecture", "which", "message"),
    [
        ("resnet19", "images", "resnet18.*found 'resnet19'"),
        ("smallcnn", "images", "small-cnn"),
        ("????", "images", "a torchvision classification model"),
        ("linear", "images", "'linear' for embeddings"),
        ("cnn18", "vectors", "'linear' for embeddings"),
        ("fasterrcnn_resnet50_fpn", "images", "found 'fasterrcnn_resnet50_fpn'"),
    ],
)
def test_an_architecture_that_is_none_is_refused(
    architecture: str, which: str, message: str, request: pytest.FixtureRequest
) -> None:
    pool, _ = request.getfixturevalue(which)
    with pytest.raises(ValueError, match=f"architecture: expected .*{message}"):
        open_classifier(ClassifierSettings(architecture=architecture), pool)


@pytest.mark.parametrize("device", ["gpu", "cuda:77", "", "xla"])
def test_a_device_that_is_none_is_refused(images: Any, device: str) -> None:
    with pytest.raises(ValueError, match="device: expected"):
        open_classifier(ClassifierSettings(device=device), images[0])


def test_torch_is_imported_by_the_first_classifier_only() -> None:
    code = "import sys, mcal.classifiers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_torch_the_extra_is_named(images: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("mcal.classifiers.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"mcal\[torch\]"):
        open_classifier(ClassifierSettings(), images[0])


def test_without_torchvision_our_own_networks_still_work(
    images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(MissingExtraError, match=r"torchvision.*mcal\[torch\]"):
        open_classifier(ClassifierSettings(architecture="resnet18"), images[0])
    pool, labels = images
    settings = ClassifierSettings(architecture="cnn18", epochs=1, device="cpu")
    model = open_classifier(settings, pool).train(pool, np.arange(4), labels[:4], seed=0)
    assert model.score(pool, np.arange(3)).logits.shape == (3, 3)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"members": 1}, "small-cnn/fast"),
        ({"members": 5}, "small-cnn/fast-x5"),
        ({"members": 2, "ranking": "learned"}, "small-cnn/fast-x2-learned"),
    ],
)
def test_options_that_make_another_candidate_are_in_its_name(
    images: Any, options: dict[str, Any], name: str
) -> None:
    settings = ClassifierSettings(architecture="small-cnn", device="cpu", **options)
    classifier = open_classifier(settings, images[0])
    assert (classifier.name, classifier.device) == (name, "cpu")


def test_a_confidence_is_learned_from_what_some_member_has_not_seen() -> None:
    with pytest.raises(ValueError, match="members: expected at least 2 with ranking = 'learned'"):
        ClassifierSettings(ranking="learned")


def test_members_that_would_be_all_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match=r"not random: .* would be all the same, found 3"):
        ClassifierSettings(recipe="embedding", members=3)
    ClassifierSettings(recipe="embedding", members=3, ranking="learned")


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_a_head_that_is_solved_for_has_no_passes(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: .* computed from all labels at once.* found 5"):
        ClassifierSettings.model_validate({"recipe": "embedding", name: 5})


@pytest.mark.parametrize("recipe", ["fast", "embedding", "paper", "semi", "self"])
def test_what_embeddings_may_have_is_told_as_it_is(vectors: Any, recipe: Any) -> None:
    settings = ClassifierSettings(recipe=recipe, device="cpu")
    try:
        open_classifier(settings, vectors[0])
    except ValueError as error:
        said = str(error)
        assert said.startswith("recipe: expected 'fast', 'embedding' or 'paper' for a pool")
        assert recipe not in ("fast", "embedding", "paper")
    else:
        assert recipe in ("fast", "embedding", "paper")


def test_epochs_of_pre_training_are_refused_where_there_is_none(vectors: Any) -> None:
    settings = ClassifierSettings(recipe="embedding", pretrain_epochs=3, device="cpu")
    with pytest.raises(ValueError, match=r"pretrain_epochs: expected none .* found 3"):
        open_classifier(settings, vectors[0])


def test_a_file_s_folders_are_not_in_the_name(images: Any, tmp_path: Path) -> None:
    names = []
    for folder in ("private" * 20, "other" * 20):
        path = tmp_path / folder / f"body {'x' * 200}.pt2"
        path.parent.mkdir()
        path.write_bytes(b"")
        settings = ClassifierSettings(recipe="embedding", features=f"file:{path}", device="cpu")
        names.append(open_classifier(settings, images[0]).name)
    assert names[0] != names[1]
    assert all(name.startswith("file-body-x") and len(name) < 80 for name in names)
    assert not any("private" in name for name in names)
