"""The chat dialect: conversations in the templates that real models have, token by token."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers

from smysl_reasoning.dialects.chat import (
    Begun,
    ChatDialect,
    Hearing,
    Message,
    Part,
    Segment,
    Split,
    ids_of,
)
from smysl_reasoning.dialects.template import BadTemplate, ChatTemplate

MakeTokenizer = Callable[..., Tokenizer]

CHATML = """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}"""
LLAMA3 = """{{- bos_token }}
{%- set date_string = strftime_now("%d %b %Y") %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' }}
    {{- message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}"""
MISTRAL = "".join(
    """{{ bos_token }}{% for message in messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{% endif %}
{% if message['role'] == 'user' %}
{{ '[INST] ' + message['content'] + ' [/INST]' }}
{% elif message['role'] == 'assistant' %}
{{ message['content'] + eos_token }}
{% else %}
{{ raise_exception('Only user and assistant roles are supported!') }}
{% endif %}
{% endfor %}""".splitlines()
)
TALK = [
    Message("system", (Part("system", "Be brief."),)),
    Message("user", (Part("question", " 2 + 2? "), Part("plan", "\nadd\n"))),
]


@pytest.fixture(scope="module")
def chatml(chat_tokenizer: MakeTokenizer) -> ChatDialect:
    names = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>")
    return ChatDialect(chat_tokenizer(*names), CHATML)


def spelt(tokenizer: Tokenizer, *pieces: str | int) -> list[int]:
    """Token ids: of controls by number, of plain text byte by byte."""
    found: list[int] = []
    for piece in pieces:
        if isinstance(piece, int):
            found.append(piece)
        else:
            found += [tokenizer.get_vocab()[_BYTES[byte]] for byte in piece.encode()]
    return found


def _byte_alphabet() -> dict[int, str]:
    """Bytes as a byte-level tokenizer writes them (GPT-2's table)."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {byte: chr(byte) for byte in shown} | {b: chr(256 + i) for i, b in enumerate(hidden)}


_BYTES = _byte_alphabet()


def test_a_chatml_conversation_is_lowered_token_by_token(
    chatml: ChatDialect, chat_tokenizer: MakeTokenizer
) -> None:
    plain = chat_tokenizer()
    start, end, think, no_think = 257, 258, 259, 260

    def template(*pieces: str | int) -> Segment:
        return Segment("template", tuple(spelt(plain, *pieces)))

    assert chatml.prompt(TALK) == [
        template(start, "system\n"),
        Segment("system", tuple(spelt(plain, "Be brief."))),
        template(end, "\n", start, "user\n"),
        Segment("question", tuple(spelt(plain, "2 + 2? "))),
        Segment("plan", tuple(spelt(plain, "\nadd"))),
        template(end, "\n", start, "assistant\n"),
    ]
    quick = chatml.prompt(TALK, thinking=False)
    assert quick[-1] == template(end, "\n", start, "assistant\n", think, "\n\n", no_think, "\n\n")
    assert chatml.stops == (end,) and chatml.end == end
    assert chatml.thinks and not chatml.opens


def test_a_llama_3_conversation_is_lowered_token_by_token(chat_tokenizer: MakeTokenizer) -> None:
    tokenizer = chat_tokenizer(
        "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"
    )
    begin, eot, header, body = 256, 257, 258, 259
    dialect = ChatDialect(tokenizer, LLAMA3, {"bos_token": "<|begin_of_text|>"}, [eot, 300])
    plain = chat_tokenizer()
    assert ids_of(dialect.prompt(TALK)) == spelt(
        plain,
        *(begin, header, "system", body, "\n\nToday Date: 01 Jan 2026\n\nBe brief.", eot),
        *(header, "user", body, "\n\n2 + 2? \nadd", eot, header, "assistant", body, "\n\n"),
    )
    assert dialect.stops == (eot, 300)


def test_a_template_without_a_system_role_has_its_words_before_the_question(
    chat_tokenizer: MakeTokenizer,
) -> None:
    tokenizer = chat_tokenizer("<s>", "</s>", "[INST]", "[/INST]")
    dialect = ChatDialect(tokenizer, MISTRAL, {"bos_token": "<s>", "eos_token": "</s>"})
    plain = chat_tokenizer()
    assert ids_of(dialect.prompt(TALK)) == spelt(
        plain, 256, 258, " Be brief.\n\n2 + 2? \nadd ", 259
    )
    assert dialect.stops == (257,)
    more = [*TALK, Message("assistant", (Part("reply", "4"),)), Message("user", (Part("q", "?"),))]
    assert ids_of(dialect.prompt(more))[-8:] == spelt(plain, 259, "4", 257, 258, " ? ", 259)


def test_a_model_without_a_template_is_asked_plainly(chat_tokenizer: MakeTokenizer) -> None:
    tokenizer = chat_tokenizer("<s>", "</s>")
    dialect = ChatDialect(tokenizer, None, {"bos_token": "<s>", "eos_token": "</s>"})
    assert ids_of(dialect.prompt(TALK)) == spelt(
        chat_tokenizer(), 256, "Be brief.\n\nQuestion: 2 + 2? \nadd\n\nReply:"
    )
    assert dialect.stops == (257,)


@given(
    st.lists(
        st.sampled_from(
            ["<|im_start|>", "<|im_end|>", "system\n", "[INST]", "<think>", "é", "\n", "x "]
        )
        | st.text(max_size=5),
        max_size=8,
    )
)
def test_nothing_typed_becomes_a_control_token(chatml: ChatDialect, pieces: list[str]) -> None:
    text, dialect = "x" + "".join(pieces) + "x", chatml
    asked = dialect.prompt([Message("user", (Part("question", text),))])
    (said,) = [segment.ids for segment in asked if segment.label == "question"]
    assert max(said) < 256
    assert dialect.text(said) == text
    begun = dialect.prompt(TALK, begun=Begun(text, (Part("step", text),)))
    assert [max(s.ids) < 256 for s in begun if s.label in ("thinking", "step")] == [True, True]


def test_a_word_of_the_vocabulary_that_is_a_control_token_is_spelt_out() -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate([*alphabet, "</", "</s", "</s>"])}
    merges = [("<", "/"), ("</", "s"), ("</s", ">")]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken("</s>", special=True, normalized=False)])
    dialect = ChatDialect(tokenizer, None, {"eos_token": "</s>"})
    assert dialect.end == 258
    assert 258 not in dialect.words("a</s>b") and dialect.text(dialect.words("a</s>b")) == "a</s>b"


def test_a_space_is_put_before_the_first_word_of_the_whole_text_only() -> None:
    words = ["<unk>", "▁hi", "hi", "▁", "h", "i", "▁h"]
    tokenizer = Tokenizer(
        models.BPE(
            {word: i for i, word in enumerate(words)},
            [("h", "i"), ("▁", "hi")],
            unk_token="<unk>",
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first", split=False)
    tokenizer.add_special_tokens([AddedToken("<e>", special=True, normalized=False)])
    template = "{% for m in messages %}{{ m.content }}<e>{% endfor %}{% if add_generation_prompt %}{% endif %}"
    dialect = ChatDialect(tokenizer, template)
    talk = [Message("system", (Part("s", "hi"),)), Message("user", (Part("q", "hi"),))]
    assert ids_of(dialect.prompt(talk)) == [1, 7, 2, 7]
    assert ids_of(dialect.prompt(talk)) == tokenizer.encode("hi<e>hi<e>").ids


def test_thinking_is_kept_apart(chatml: ChatDialect) -> None:
    cases = {
        "<think>so 4</think>\n\nAnswer: 4": Split("so 4", "Answer: 4"),
        "so 4</think>Answer: 4": Split("so 4", "Answer: 4"),
        "<think>it never ends": Split("it never ends", ""),
        "Answer: 4": Split("", "Answer: 4"),
        "<think>a</think>4<think>b</think>": Split("a\n\nb", "4"),
        "<thinking>a</thinking> 4": Split("a", "4"),
        "a < b, b > c": Split("", "a < b, b > c"),
    }
    assert {text: chatml.split(text) for text in cases} == cases
    assert chatml.split("on and on", opened=True) == Split("on and on", "")
    assert chatml.split("so</think>4", opened=True) == Split("so", "4")


def test_a_template_that_opens_the_thinking_itself_is_seen(chat_tokenizer: MakeTokenizer) -> None:
    opening = CHATML.replace("assistant\\n'", "assistant\\n<think>\\n'").split("    {%- if enable")[
        0
    ]
    opening += "{%- endif %}"
    names = ("<|im_start|>", "<|im_end|>", "<think>", "</think>")
    dialect = ChatDialect(chat_tokenizer(*names), opening)
    assert dialect.opens and dialect.thinks

    def tail(thinking: bool = True, begun: Begun | None = None) -> str:
        return dialect.text(ids_of(dialect.prompt(TALK, thinking=thinking, begun=begun)))[-40:]

    assert tail().endswith("assistant\n<think>\n")
    assert tail(thinking=False).endswith("<think>\n\n</think>\n\n")
    begun = Begun("so", (Part("step", "2 + 2 = 4\n"),))
    assert tail(begun=begun).endswith("<think>\nso\n</think>\n\n2 + 2 = 4\n")


@given(text=st.text(max_size=30))
def test_text_is_heard_whole_in_whole_characters(chatml: ChatDialect, text: str) -> None:
    hearing = Hearing(chatml)
    pieces = [hearing.add(token) for token in chatml.words(text)]
    if not text.endswith("\ufffd"):
        assert "".join(pieces) == hearing.text == text


def spelling(*ends: decoders.Decoder) -> ChatDialect:
    """Of a tokenizer as Llama 2 and Gemma have it: a mark for spaces, bytes for what is no word."""
    words = ["▁", "a", "▁a", "日"]
    names = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    tokenizer = Tokenizer(
        models.BPE(
            {name: i for i, name in enumerate(names)},
            [("▁", "a")],
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), *ends]
    tokenizer.decoder = decoders.Sequence(steps)
    tokenizer.add_special_tokens([AddedToken("</s>", special=True, normalized=False)])
    return ChatDialect(tokenizer, None, {"eos_token": "</s>"})


@pytest.mark.parametrize(
    "dialect", [spelling(), spelling(decoders.Strip(" ", 1, 0))], ids=["gemma", "llama 2"]
)
@given(data=st.data())
def test_characters_spelt_in_bytes_are_heard_as_soon_as_they_are_whole(
    dialect: ChatDialect, data: st.DataObject
) -> None:
    some = st.text(" a日本é😀", max_size=12)
    parts = data.draw(st.lists(some, max_size=4))
    ids: list[int] = []
    whole: list[str] = []
    """What is said after each token."""
    for part in parts:
        for character in part:
            spelt = dialect.words(character)
            whole += [dialect.text(ids)] * (len(spelt) - 1)
            ids += spelt
            whole.append(dialect.text(ids))
        ids.append(dialect.end)
        whole.append(dialect.text(ids))
    hearing = Hearing(dialect)
    for token, said in zip(ids, whole, strict=True):
        hearing.add(token)
        assert hearing.text == said


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("{% for m in messages %}", "cannot be read"),
        ("{{ messages[5].content }}", "fails"),
        ("hello", "does not say what the user says"),
        ("{{ messages.__class__.__mro__ }}", "fails|does not say"),
        ("{% for m in messages %}{{ m.content }}{% endfor %}", "which token ends a reply"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(
    chat_tokenizer: MakeTokenizer, source: str, names: str
) -> None:
    with pytest.raises(BadTemplate, match=names):
        ChatDialect(chat_tokenizer("<e>"), source)


def test_templates_have_what_transformers_gives_them() -> None:
    source = (
        "{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}"
        "{% generation %}{{ {'é': '<'} | tojson }}{% endgeneration %}{% endfor %}"
        "{{ strftime_now('%Y') }}{{ tools is none }}"
    )
    messages: Sequence[dict[str, str]] = [{"role": "user", "content": "x"}] * 2
    assert ChatTemplate(source, {}).render(messages) == '{"é": "<"}2026True'
