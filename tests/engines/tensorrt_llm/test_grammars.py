"""Regular expressions and JSON schemas as EBNF: the same language as Python's `re`, and as the grammar
engine that judges outputs; and what may follow a beginning."""

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from fake_tensorrt_llm.grammar import to_lark
from hypothesis import example, given, settings
from hypothesis import strategies as st
from llguidance import LLMatcher, LLTokenizer

from smysl_engines.base import BadCall, Call, EngineError, JsonSchema
from smysl_engines.grammar import Grammars
from smysl_engines.tensorrt_llm.ebnf import Rules
from smysl_engines.tensorrt_llm.regex_grammar import of_regex
from smysl_engines.tensorrt_llm.schema_grammar import of_schema

TOKENIZER = Path(__file__).parents[3] / "models" / "zerno" / "tokenizer.json"
VOCABULARY = 4096


def accepts(rules: Rules, text: str) -> bool:
    left = rules.after(text)
    return left is not None and left.complete


@pytest.fixture(scope="module")
def view() -> LLTokenizer:
    return LLTokenizer(TOKENIZER.read_text(), VOCABULARY, 2)


def read(view: LLTokenizer, rules: Rules, text: str) -> bool:
    """Whether a reader of the written grammar, which knows nothing of `Rules`, takes the text."""
    matcher = LLMatcher(view, LLMatcher.grammar_from_lark(to_lark(rules.text())), log_level=0)
    assert not matcher.is_error(), matcher.get_error()
    for token in view.tokenize_str(text):
        if not matcher.try_consume_tokens([token]):
            return False
    return bool(matcher.is_accepting())


PIECES = st.recursive(
    st.sampled_from(
        ["a", "b", "1", " ", "é", r"\d", r"\w", r"\s", ".", "[ab]", "[^a]", r"\.", r"[b-d\]]"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,}"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)
TEXTS = st.text(alphabet="ab1 é.]d\n", max_size=6)


@given(PIECES, TEXTS)
@settings(max_examples=300)
def test_a_regular_expression_has_the_language_that_python_gives_it(
    pattern: str, text: str
) -> None:
    found = accepts(of_regex(pattern), text)
    assert found == bool(re.fullmatch(pattern, text, re.ASCII))


@given(PIECES, TEXTS, st.integers(0, 6))
@settings(max_examples=200)
def test_what_follows_a_beginning_is_what_completes_it(pattern: str, text: str, at: int) -> None:
    rules = of_regex(pattern)
    begun, rest = text[:at], text[at:]
    left = rules.after(begun)
    assert (left is not None and accepts(left, rest)) == accepts(rules, text)


@given(pattern=PIECES, text=TEXTS)
@example(pattern="(?:(?:a)*)*", text="aa")
@example(pattern="(?:(?:ab){2}){1,2}", text="abababab")
@settings(max_examples=60)
def test_the_written_grammar_says_the_same(view: LLTokenizer, pattern: str, text: str) -> None:
    rules = of_regex(pattern)
    assert read(view, rules, text) == accepts(rules, text)


SCHEMAS: list[Any] = [
    {"type": "integer"},
    {"type": "integer", "minimum": 0},
    {"type": "integer", "minimum": -2, "maximum": 3},
    {"type": "number"},
    {"type": ["string", "null"], "maxLength": 3},
    {"type": "string", "minLength": 2},
    {"enum": ["a", 'q"uote', 3, None, True]},
    {"const": {"a": [1, "é"]}},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 3},
    {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 5}},
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {"const": 1}},
        "required": ["b"],
        "additionalProperties": False,
    },
    {"type": "object", "properties": {}, "additionalProperties": False},
    {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "null"}}]},
    {
        "$ref": "#/$defs/tree",
        "$defs": {
            "tree": {
                "type": "object",
                "properties": {
                    "v": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
                },
                "required": ["v", "next"],
                "additionalProperties": False,
            }
        },
    },
]
VALUES = [
    *(0, -0.0, 7, -2, 3, 4, 1.5, 1e300, None, True, "", "ab", "abcd", 'q"uote', "a", "é\n", "\\"),
    *([], [True], [True, False, True, False], [1, 5], [None, None], [6], {}, {"b": "x"}),
    *({"a": 1, "b": "x"}, {"b": "x", "c": 1}, {"b": "x", "a": 1}, {"a": [1, "é"]}),
    *({"v": 1, "next": None}, {"v": 1, "next": {"v": 2, "next": None}}, {"v": 1}),
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:40])
def test_a_schema_takes_what_the_judge_takes(schema: Any, view: LLTokenizer) -> None:
    judge = Grammars(TOKENIZER, VOCABULARY, "zerno")
    call = Call(prompt=(1,), constraint=JsonSchema(json.dumps(schema)))
    rules = of_schema(json.dumps(schema))
    taken = 0
    for value in VALUES:
        text = json.dumps(value, ensure_ascii=False)
        matcher = judge.matcher(call)
        assert matcher is not None
        try:
            for token in view.tokenize_str(text):
                matcher.consume(token)
            expected = matcher.complete
        except EngineError:
            expected = False
        assert accepts(rules, text) == expected, text
        assert read(view, rules, text) == expected, text
        taken += expected
    assert taken


def test_any_value_fits_the_empty_schema(view: LLTokenizer) -> None:
    rules = of_schema("{}")
    for value in VALUES:
        text = json.dumps(value, ensure_ascii=False)
        assert accepts(rules, text) and read(view, rules, text), text
    assert not accepts(rules, "[1,2]")


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:40])
def test_an_output_of_a_schema_may_be_cut_anywhere_and_goes_on(
    schema: Any, view: LLTokenizer
) -> None:
    rules = of_schema(json.dumps(schema))
    texts = [json.dumps(value, ensure_ascii=False) for value in VALUES]
    for text in (text for text in texts if accepts(rules, text)):
        at = random.Random(text).randint(0, len(text))
        left = rules.after(text[:at])
        assert left is not None and read(view, left, text[at:])


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("a(?=b)", "'(?'"),
        (r"\bword", r"'\\b'"),
        ("^a$", "anchor '^'"),
        ("(a", "not closed"),
        ("a)", "closes nothing"),
        ("[a", "'['"),
        ("a{2,1}", "the wrong way round"),
        ("a{5000}", "beyond 1000"),
        (r"\p{L}", r"'\\p'"),
        ("*a", r"'\*'"),
        ("a++", "possessive"),
    ],
)
def test_a_pattern_that_is_not_read_is_refused_with_its_place(pattern: str, said: str) -> None:
    with pytest.raises(
        BadCall, match=re.escape(said).replace(r"\\\\", r"\\").replace(r"\\\*", r"\*")
    ):
        of_regex(pattern)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ("{", "not JSON"),
        ("false", "False"),
        ('{"type": "string", "pattern": "a"}', "'pattern'"),
        ('{"allOf": []}', "'allOf'"),
        ('{"type": "object", "properties": {"a": {}}}', "additionalProperties: false"),
        ('{"$ref": "#/nowhere"}', "leads nowhere"),
        ('{"$ref": "https://example.org"}', "out of the schema"),
        ('{"$ref": "#"}', "leads to itself"),
        ('{"type": "integer", "minimum": 7}', "7 to None"),
        ('{"type": "number", "minimum": 7}', "the minimum of a number"),
        ('{"type": ["number", "integer"], "maximum": 7}', "the maximum of a number"),
        ('{"type": "integer", "minimum": 0, "maximum": 5000}', "up to 1000"),
        ('{"type": "array", "minItems": 3, "maxItems": 1}', "below minItems 3"),
        ('{"type": "widget"}', "widget"),
        ('{"enum": [1], "minimum": 0}', "goes with other keywords"),
        ('{"type": "string", "enum": [1]}', "is of its type"),
        ('{"type": "object", "required": ["a"], "additionalProperties": false}', "requires 'a'"),
    ],
)
def test_a_schema_that_cannot_be_kept_to_is_refused_by_its_keyword(schema: str, said: str) -> None:
    with pytest.raises(BadCall, match=re.escape(said)):
        of_schema(schema)
