"""What `ask` makes of schemas, templates and answers, before and after anything is sent. Pure."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smysl_cli import templates
from smysl_cli.diagnostics import CommandFailed, UsageError
from smysl_cli.fenced import first_block
from smysl_cli.schemas import fields, schema_text
from smysl_cli.templates import Template


def test_a_schema_in_a_few_words() -> None:
    schema = fields("name, age int, tags str[], ok bool, bio: one sentence")
    assert schema["properties"] == {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "ok": {"type": "boolean"},
        "bio": {"type": "string", "description": "one sentence"},
    }
    assert schema["required"] == ["name", "age", "tags", "ok", "bio"]
    assert schema["additionalProperties"] is False


def test_on_lines_of_their_own_descriptions_may_hold_commas() -> None:
    schema = fields("dog: a name, as in a story\nweight float")
    assert schema["properties"]["dog"]["description"] == "a name, as in a story"
    assert schema["properties"]["weight"] == {"type": "number"}


def test_many_fields_are_no_name_of_a_file() -> None:
    names = [f"field_{number}" for number in range(400)]
    assert list(json.loads(schema_text(", ".join(names)))["properties"]) == names
    assert "a\0b" in json.loads(schema_text("a\0b"))["properties"]


def test_a_schema_is_taken_as_json_and_from_a_file(tmp_path: Path) -> None:
    schema = '{"type": "object", "properties": {"n": {"type": "integer"}}}'
    (tmp_path / "n.json").write_text(schema)
    assert json.loads(schema_text(schema)) == json.loads(schema)
    assert json.loads(schema_text(str(tmp_path / "n.json"))) == json.loads(schema)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "names no field"),
        (" , ", "names no field"),
        ("age number", "'age number' has the type 'number'; there are str, int, float, bool"),
        ("a b c", "'a b c' is not `name type: description`"),
        ("a, a int", "the field 'a' is there twice"),
        ("{", "is no JSON"),
        ("missing.json", "there is no schema file missing.json"),
        ('{"type": "array"}', "its type is 'array'; answers are objects"),
        (json.dumps({"x": "y" * 70_000}), "at most 65,536 bytes"),
    ],
)
def test_what_is_no_schema_is_refused_by_name(given: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        schema_text(given)


@pytest.mark.parametrize(
    ("text", "block"),
    [
        ("Here:\n```python\nprint(1)\n```\nand ```x```", "print(1)"),
        ("~~~~\na\n~~~\nb\n~~~~", "a\n~~~\nb"),
        ("  ```\n  indented\n    more\n  ```", "indented\n  more"),
        ("```\nnever closed\n", "never closed"),
        ("```\n```", ""),
        ("one ``` in a line ``` is code", None),
        ("``` a `b` ```", None),
        ("    ```\n    four spaces are no fence\n    ```", None),
        ("no code", None),
    ],
)
def test_the_first_fenced_block(text: str, block: str | None) -> None:
    assert first_block(text) == block


@given(
    st.text(
        alphabet=st.characters(
            codec="utf-8", exclude_characters="`\r\n\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
        )
    )
)
def test_a_line_in_a_fence_comes_out_as_it_was(line: str) -> None:
    assert first_block(f"before\n```\n{line}\n```\nafter") == line


def test_a_template_is_filled() -> None:
    template = Template(prompt="Say {input} in {lang}, {{so}}.", defaults={"lang": "Czech"})
    assert template.variables == ("lang",)
    assert template.filled("dog", {}) == "Say dog in Czech, {so}."
    assert template.filled("{lang}", {"lang": "{input}"}) == "Say {lang} in {input}, {so}."
    assert Template(prompt="Be brief.").filled("Why?", {}) == "Be brief.\n\nWhy?"
    assert Template(prompt="Be brief.").filled("", {}) == "Be brief."


def test_what_is_piped_in_is_input_without_words_and_context_with_them() -> None:
    template = Template(prompt="Summarise: {input}")
    assert template.asked(["this"], "story", {}) == (["Summarise: this"], "story")
    assert template.asked([], "story\n", {}) == (["Summarise: story"], None)
    with pytest.raises(UsageError, match="wants an {input}"):
        template.asked([], "", {})


def test_values_and_variables_must_meet() -> None:
    template = Template(prompt="{a} {b}", defaults={"a": "1"})
    with pytest.raises(UsageError, match="variable 'b' has no value; say --param b="):
        template.filled("", {})
    with pytest.raises(UsageError, match="no variable 'c'; it has: a, b"):
        template.filled("", {"c": "1", "b": "2"})
    with pytest.raises(UsageError, match="'b' has no value; write --param NAME=VALUE"):
        templates.params(["b"])


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_a_value_is_put_in_as_it_is(value: str) -> None:
    filled = Template(prompt="<{a}>").filled("", {"a": value})
    assert filled == f"<{value}>".strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prompt = ", "is not TOML"),
        ("", "missing required field `prompt`"),
        ('prompt = "  "', "the prompt is empty"),
        ('prompt = "x"\nmodle = "y"', "unknown field `modle`"),
        ('prompt = "x"\n[defaults]\na = "1"', "no {a}, which has a default"),
        ('prompt = "x"\nextract = "yes"', "Expected `bool`, got `str`"),
    ],
)
def test_a_mistake_in_a_template_is_named(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "t.toml").write_text(text)
    with pytest.raises(CommandFailed) as caught:
        templates.load(tmp_path, "t")
    assert "t.toml" in str(caught.value) and words in str(caught.value)


def test_a_schema_beside_a_template_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "dog.json").write_text('{"type": "object"}')
    (folder / "t.toml").write_text('prompt = "x"\nschema = "dog.json"\n')
    (folder / "u.toml").write_text('prompt = "x"\nschema = "name, age int"\n')
    assert templates.load(tmp_path, "t").schema == str(folder / "dog.json")
    assert templates.load(tmp_path, "u").schema == "name, age int"


@pytest.mark.parametrize("name", ["../x", "A", "", "x" * 65, "-a", "a/b"])
def test_a_template_has_a_plain_name(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no name of a template"):
        templates.load(tmp_path, name)
