import json

import pytest

from mcal.manifest import (
    ManifestLine,
    check_source_template,
    none_of_these,
    read_augmented_manifest,
    source_ref,
    write_augmented_manifest,
)

LINES = [
    ManifestLine("s3://b/a.png", 0, "cat", 0, 0.0, True, "2026-01-02T03:04:05", "labeling-job/x"),
    ManifestLine('a,b "c"\u2028\x85é.png', 7, "dog", 1, 0.25, False),
    ManifestLine("\udcff.png", 8),
    ManifestLine("late.png", 9, failure="ClientError: Annotation tasks expired."),
    ManifestLine("no index.png", class_name="cat", label=0, confidence=0.0),
]


def test_what_is_written_is_read_back() -> None:
    text = "".join(write_augmented_manifest(LINES, attribute="animal"))
    for attribute in ("animal", None):
        read = read_augmented_manifest(text.split("\n"), attribute=attribute)
        assert not read.problems
        assert read.lines == dict(enumerate(LINES, start=1))


def test_the_keys_are_those_of_ground_truth() -> None:
    first, *_ = write_augmented_manifest(LINES)
    assert first.endswith("\n")
    assert json.loads(first) == {
        "source-ref": "s3://b/a.png",
        "mcal-index": 0,
        "mcal-label": 0,
        "mcal-label-metadata": {
            "class-name": "cat",
            "confidence": 0,
            "type": "groundtruth/image-classification",
            "job-name": "labeling-job/x",
            "human-annotated": "yes",
            "creation-date": "2026-01-02T03:04:05",
        },
    }


def test_a_class_needs_its_number() -> None:
    with pytest.raises(ValueError, match=r"^label: expected the number of 'cat'"):
        list(write_augmented_manifest([ManifestLine("a", class_name="cat")]))


def test_reads_what_the_service_s_documentation_shows() -> None:
    text = (
        '{"source-ref": "s3://bucket/image_example.png", "sport": 0, "sport-metadata": '
        '{"class-name": "football", "confidence": 0.00, "type": "groundtruth/image-classification",'
        ' "job-name": "identify-sport", "human-annotated": "yes", '
        '"creation-date": "2018-10-18T22:18:13.527256"}}'
    )
    (line,) = read_augmented_manifest([text]).lines.values()
    assert (line.class_name, line.label, line.is_human) == ("football", 0, True)
    assert line.index is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"source-ref": "a", "x', "m, line 2: no whole JSON object; was the file cut off?."),
        ("[1]", "m, line 2: expected a JSON object."),
        ('{"source": "a"}', "m, line 2: expected the address of an image under 'source-ref'"),
        ('{"source-ref": 3}', "m, line 2: expected the address of an image under 'source-ref'"),
        ('{"source-ref": "a", "x": 1}', ""),  # a key that is nobody's label
        ('{"source-ref": "a", "l": 1, "l-metadata": {"confidence": 1}}', "'l' has no class name"),
        (
            '{"source-ref": "a", "b-metadata": {"class-name": "x"}, '
            '"c-metadata": {"class-name": "x"}}',
            "",
        ),
    ],
)
def test_a_damaged_line_takes_no_other_with_it(text: str, words: str) -> None:
    good = '{"source-ref": "g", "l": 0, "l-metadata": {"class-name": "cat"}}'
    read = read_augmented_manifest([good, text, "", good], place="m")
    assert list(read.lines) == ([1, 4] if words else [1, 2, 4])
    assert [words in problem for problem in read.problems] == ([True] if words else [])


def test_which_key_has_the_labels_must_be_clear() -> None:
    named = '{"class-name": "x"}'
    text = f'{{"source-ref": "a", "b-metadata": {named}, "c-metadata": {named}}}'
    assert "found 'b', 'c'" in read_augmented_manifest([text]).problems[0]
    (line,) = read_augmented_manifest([text], attribute="c").lines.values()
    assert line.class_name == "x"


@pytest.mark.parametrize("value", ["1", "true", "-1", "1.5", "null"])
def test_numbers_are_not_guessed(value: str) -> None:
    text = f'{{"source-ref": "a", "mcal-index": {value}}}'
    (line,) = read_augmented_manifest([text]).lines.values()
    assert line.index == (1 if value == "1" else None)


def test_the_word_for_no_class() -> None:
    assert none_of_these(["cat"]) == "none of these"
    assert none_of_these(["None of These", "(none of these)"]) == "((none of these))"


def test_templates_of_addresses() -> None:
    check_source_template("s3://b/p/{item}")
    assert source_ref("s3://b/p/{item}.x", "a{item}") == "s3://b/p/a{item}.x"
    for wrong in (
        "s3://b/p",
        "s3://{item}/p",
        "http://b/{item}",
        "s3:///{item}",
        "{item}",
        "s3://b/{item}{item}",
    ):
        with pytest.raises(ValueError, match="expected"):
            check_source_template(wrong)
