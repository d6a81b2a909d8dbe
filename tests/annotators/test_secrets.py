import copy
import json
import pickle
import traceback

import pytest

from mcal.annotators.secrets import Secret, read_secret
from mcal.errors import AnnotatorError


def test_a_secret_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", " s3cret\n")
    assert read_secret("MY_TOKEN", "a token").reveal() == "s3cret"


@pytest.mark.parametrize("value", [None, "", "  ", "two\nlines", "schlüssel"])
def test_a_secret_that_cannot_be_one_is_refused_unseen(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("MY_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("MY_TOKEN", value)
    with pytest.raises(
        AnnotatorError, match=r"^MY_TOKEN: expected the token of my house"
    ) as caught:
        read_secret("MY_TOKEN", "the token of my house")
    assert not value or not value.strip() or value not in str(caught.value)


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("s3cret")
    try:
        raise RuntimeError(f"failed with {secret} and {[secret]}")
    except RuntimeError as error:
        shown = "".join(traceback.format_exception(error))
    assert "s3cret" not in shown
    assert not hasattr(secret, "__dict__")
    assert "s3cret" not in repr([getattr(secret, name) for name in secret.__slots__])
    assert secret.hidden_in("Token s3cret is wrong") == "Token [secret] is wrong"
    for store in (pickle.dumps, copy.copy, json.dumps):
        with pytest.raises(TypeError):
            store(secret)
