"""Settings files: what is read, and the one line that each mistake gets."""

from pathlib import Path

import numpy as np
import pytest

from mcal.config import read_settings
from mcal.errors import McalError, SettingsError
from mcal.settings import OracleSettings, Settings

DIGITS = '[pool]\nkind = "digits"\n[annotator]\nkind = "oracle"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "mcal.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> list[str]:
    """The lines of the error, without the file's name in front."""
    path = write(folder, text)
    with pytest.raises(SettingsError) as caught:
        read_settings(path)
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{path}: ") for line in lines)
    return [line.removeprefix(f"{path}: ") for line in lines]


def test_the_smallest_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, DIGITS))
    assert settings == Settings.model_validate(
        {"pool": {"kind": "digits"}, "annotator": {"kind": "oracle"}}
    )
    assert settings.target_error == 0.05
    assert (settings.certificate.kind, settings.certificate.confidence) == ("audit", 0.95)
    assert settings.is_audited


@pytest.mark.parametrize(
    ("text", "is_audited"),
    [
        ('[certificate]\nkind = "none"\n', False),
        ("[certificate]\nconfidence = 0.9\n", True),
    ],
)
def test_an_audit_is_asked_for_unless_told_otherwise(
    tmp_path: Path, text: str, is_audited: bool
) -> None:
    assert read_settings(write(tmp_path, DIGITS + text)).is_audited is is_audited
    assert not read_settings(write(tmp_path, 'preset = "paper"\n' + DIGITS + text)).is_audited


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    settings = read_settings(
        write(
            tmp_path,
            'target_error = 0.1\nclasses = ["cat", "dog"]\nseed = 7\nselection = "k_center"\n'
            + DIGITS
            + "noise_rate = 0.05\n"
            + '[[classifier]]\narchitecture = "small-cnn"\nepochs = 3\n'
            + '[[classifier]]\narchitecture = "resnet18"\nrecipe = "paper"\n'
            + "[prices]\nprice_per_label = 0.003\n[plan]\ntest_size = 100\n",
        )
    )
    assert settings.classes == ("cat", "dog")
    assert settings.selection == "k_center"
    assert [c.architecture for c in settings.classifier] == ["small-cnn", "resnet18"]
    assert settings.prices.price_per_label == 0.003
    assert settings.plan.test_size == 100
    assert isinstance(settings.annotator, OracleSettings)
    assert settings.annotator.noise_rate == 0.05


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    write(
        tmp_path,
        'classes = ["a", "b"]\n[pool]\nkind = "image-folder"\npath = "photos"\n'
        '[annotator]\nkind = "files"\npath = "to-label"\n'
        '[labels]\nknown = "known.csv"\n',
    )
    relative = read_settings(Path("mcal.toml"))
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read_settings(tmp_path / "mcal.toml") == relative
    assert relative.pool is not None
    assert relative.pool.path == tmp_path / "photos"
    assert relative.annotator is not None
    assert relative.annotator.path == tmp_path / "to-label"  # made when the first batch goes out
    assert relative.labels.known == tmp_path / "known.csv"


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ('features = "ours:colours"', "."),
        ('features = "file:body.pt2"', "."),
        ('features = "ours:colours"\npath = "code"', "code"),
        ('features = "torchvision:resnet18"', None),
        ('features = "self"', None),
        ("", None),
    ],
)
def test_features_are_looked_for_beside_the_file(
    tmp_path: Path, lines: str, path: str | None
) -> None:
    candidate = f'[[classifier]]\nrecipe = "embedding"\n{lines}\n'
    found = read_settings(write(tmp_path, DIGITS + candidate)).classifier[0]
    assert found.path == (None if path is None else tmp_path / path)


def test_a_folder_without_features_is_refused(tmp_path: Path) -> None:
    candidate = '[[classifier]]\nrecipe = "embedding"\npath = "code"\n'
    (problem,) = problems(tmp_path, DIGITS + candidate)
    assert problem.startswith("classifier[0].path: expected features = 'file:PATH'")


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "mcal.toml"
    path.write_bytes(b"\xef\xbb\xbf" + DIGITS.replace("\n", "\r\n").encode())
    assert read_settings(path).pool is not None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "target_error = 5\n" + DIGITS,
            "target_error: expected a share between 0 and 1, found 5; did you mean 0.05?",
        ),
        (
            "target_error = 1.0\n" + DIGITS,
            "target_error: expected a share between 0 and 1, found 1.0",
        ),
        ("target_error = -0.1\n" + DIGITS, "target_error: expected a number above 0.0, found -0.1"),
        (
            "target_error = nan\n" + DIGITS,
            "target_error: expected a share between 0 and 1, found nan",
        ),
        ('target_error = "low"\n' + DIGITS, 'target_error: expected a number, found "low"'),
        ("targe_error = 0.1\n" + DIGITS, "targe_error: unknown key; did you mean target_error?"),
        (
            "price_per_label = 0.1\n" + DIGITS,
            "price_per_label: unknown key; did you mean prices.price_per_label?",
        ),
        ("zebra = 1\n" + DIGITS, "zebra: unknown key"),
        (DIGITS + "[plan]\nbetta = 1\n", "plan.betta: unknown key; did you mean beta?"),
        (
            DIGITS + '[certificate]\nkind = "audits"\n',
            "certificate.kind: expected one of audit, weighted, none, "
            'found "audits"; did you mean "audit"?',
        ),
        (
            DIGITS + "[certificate]\nconfidence = 95\n",
            "certificate.confidence: expected a share between 0 and 1, found 95; "
            "did you mean 0.95?",
        ),
        (
            "confidence = 0.95\n" + DIGITS,
            "confidence: unknown key; did you mean certificate.confidence?",
        ),
        (
            DIGITS + "[[classifier]]\n[[classifier]]\nepoch = 3\n",
            "classifier[1].epoch: unknown key; did you mean epochs?",
        ),
        (
            DIGITS + "[classifier]\nepochs = 3\n",
            "classifier: expected a list of tables, [[classifier]], found one table",
        ),
        ("classifier = []\n" + DIGITS, "classifier: expected at least one, found none"),
        ('classes = "cat"\n' + DIGITS, 'classes: expected a list, found "cat"'),
        ("classes = [1, 'b']\n" + DIGITS, "classes[0]: expected text in quotes, found 1"),
        ('classes = ["a"]\n' + DIGITS, "classes: expected at least 2, found 1"),
        ("plan = 3\n" + DIGITS, "plan: expected a table of settings, found 3"),
        ("seed = 1.5\n" + DIGITS, "seed: expected a whole number, found 1.5"),
        ("seed = -1\n" + DIGITS, "seed: expected a number at least 0, found -1"),
        (
            DIGITS + "[prices]\nmachine_fee = inf\n",
            "prices.machine_fee: expected a finite number, found inf",
        ),
        (
            'selection = "margins"\n' + DIGITS,
            "selection: expected one of margin, entropy, least_confidence, k_center, random, "
            'found "margins"; did you mean "margin"?',
        ),
        (
            '[pool]\nkind = "digits"\ndownload = "maybe"\n[annotator]\nkind = "oracle"\n',
            'pool.download: expected true or false, found "maybe"',
        ),
        (
            '[pool]\nkind = "digits"\n[annotator]\nkind = "files"\nnoise_rate = 0.5\n',
            "annotator.noise_rate: only for kind = 'oracle'",
        ),
        (
            '[pool]\nkind = "digits"\n[annotator]\nkind = "file"\n',
            "annotator.kind: expected one of oracle, files, callable, label-studio, web, "
            'ground-truth, found "file"; did you mean "files"?',
        ),
        (
            '[pool]\nkind = "digits"\n[annotator]\npath = "x"\n',
            "annotator.kind: needed, found none",
        ),
        (
            '[pool]\nkind = "digits"\n[annotator]\nkind = "files"\npaht = "x"\n',
            "annotator.paht: unknown key; did you mean path?",
        ),
        (
            '[pool]\nkind = "digits"\n',
            "annotator: expected an [annotator] table with kind = ..., found none",
        ),
        (
            '[annotator]\nkind = "oracle"\n',
            "pool: expected a [pool] table with kind = ..., found none",
        ),
        ('[pool]\n[annotator]\nkind = "oracle"\n', "pool.kind: needed, found none"),
    ],
)
def test_each_mistake_gets_one_clear_line(tmp_path: Path, text: str, line: str) -> None:
    assert problems(tmp_path, text) == [line]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        'target_error = 5\n[pool]\nkind = "image-folder"\npath = "gone"\nsize = 3\n'
        '[annotator]\nkind = "oracle"\n',
    )
    assert found == [
        "target_error: expected a share between 0 and 1, found 5; did you mean 0.05?",
        "pool.size: unknown key",
        f"pool.path: no such file or folder: {tmp_path / 'gone'}",
        'classes: the names of the classes are needed for pool.kind = "image-folder", found none',
        'annotator.path: pool.kind = "image-folder" brings no true labels; name a file of them',
    ]


@pytest.mark.parametrize("kind", ["array", "embeddings", "image-folder", "image-tree"])
def test_pools_from_disk_need_a_path(tmp_path: Path, kind: str) -> None:
    found = problems(
        tmp_path,
        f'classes = ["a", "b"]\n[pool]\nkind = "{kind}"\n[annotator]\nkind = "files"\n',
    )
    assert found == [f'pool.path: needed for kind = "{kind}", found none']


@pytest.mark.parametrize("kind", ["array", "embeddings", "image-folder"])
def test_pools_without_class_names_need_them(tmp_path: Path, kind: str) -> None:
    np.save(tmp_path / "x.npy", np.zeros((3, 2), np.float32))
    found = problems(
        tmp_path, f'[pool]\nkind = "{kind}"\npath = "x.npy"\n[annotator]\nkind = "files"\n'
    )
    assert found == [
        f'classes: the names of the classes are needed for pool.kind = "{kind}", found none'
    ]


def test_the_truth_of_the_oracle_must_be_there(tmp_path: Path) -> None:
    found = problems(tmp_path, DIGITS + 'path = "truth.csv"\n')
    assert found == [f"annotator.path: no such file: {tmp_path / 'truth.csv'}"]


def test_a_folder_that_is_to_be_fetched_need_not_exist(tmp_path: Path) -> None:
    text = '[pool]\nkind = "cifar10"\npath = "data"\ndownload = true\n[annotator]\nkind = "oracle"'
    assert read_settings(write(tmp_path, text)).pool is not None


def test_bad_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "target_error = 0.05\nseed 3\n")
    assert line.startswith("not valid TOML: ")
    assert "line 2" in line


def test_unreadable_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: no such file"):
        read_settings(tmp_path / "none.toml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'x = "\xe9"')
    with pytest.raises(SettingsError, match="expected UTF-8 text, found byte 5"):
        read_settings(tmp_path / "latin.toml")


def test_the_error_is_of_both_families() -> None:
    assert issubclass(SettingsError, McalError)
    assert issubclass(SettingsError, ValueError)
