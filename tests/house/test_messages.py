"""Every message that the code can give is in the catalogue, in Chinese and English, and nothing else is."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from app import errors
from app.errors import LandbankError
from tests.house.tree import files, joined, offences, read, strings, tree

CATALOGUES = files(".json", under=("app/messages/",))
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
PLACE = re.compile(r"\{(\w+)\}")
# English may name a Chinese term in brackets.
TERM = re.compile(r"\([^()]*\)")
Texts = dict[str, dict[str, str]]


def pairs(text: str) -> list[tuple[str, Texts]]:
    """A catalogue file as written, with what it holds twice."""
    found: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=lambda items: items)
    return [(code, {language: dict(texts) for language, texts in languages}) for code, languages in found]


def ill_written(code: str, texts: Texts) -> Iterator[str]:
    """What is wrong with one entry of a catalogue."""
    if not CODE.fullmatch(code):
        yield f"{code}: not snake_case"
    if set(texts) != {"zh", "en"} or any(set(text) != {"what", "do"} for text in texts.values()):
        yield f"{code}: needs zh and en, each with what and do"
        return
    # A fragment, which is put into another message, may say nothing, but then in both languages.
    if any(bool(texts["zh"][part].strip()) != bool(texts["en"][part].strip()) for part in ("what", "do")):
        yield f"{code}: a text in one language only"
    # A value may itself be text: {cause_zh} in one language is {cause_en} in the other.
    fields = {
        language: {name.removesuffix(f"_{language}") for name in PLACE.findall(" ".join(text.values()))}
        for language, text in texts.items()
    }
    if fields["zh"] != fields["en"]:
        yield f"{code}: zh and en tell different values"
    if any(texts["zh"].values()) and not re.search(r"[\u4e00-\u9fff]", "".join(texts["zh"].values())):
        yield f"{code}: zh is not Chinese"
    if re.search(r"[\u4e00-\u9fff]", TERM.sub("", "".join(texts["en"].values()))):
        yield f"{code}: en holds Chinese"


def entries() -> list[tuple[str, Texts]]:
    return [pair for name in CATALOGUES for pair in pairs(read(name))]


def error_names(modules: list[ast.Module]) -> set[str]:
    """Our error classes, by name: those of ``app.errors`` and whatever derives from them elsewhere."""
    names = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, LandbankError)}
    classes = [node for module in modules for node in ast.walk(module) if isinstance(node, ast.ClassDef)]
    while more := {one.name for one in classes if {getattr(base, "id", "") for base in one.bases} & names} - names:
        names |= more
    return names


def given(module: ast.Module, givers: set[str]) -> Iterator[tuple[int, str, set[str] | None]]:
    """Line, code (as a pattern) and the values' names of each call that gives a message.

    The names are None where they cannot be read off the call.
    """
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in givers:
                words = {word.arg for word in node.keywords}
                values = None if None in words else {str(word) for word in words}
                for pattern in codes(node.args[0]):
                    yield node.lineno, pattern, values


def codes(node: ast.expr) -> Iterator[str]:
    """The codes that an argument can be, as patterns."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield re.escape(node.value)
    elif isinstance(node, ast.JoinedStr):
        yield re.escape(joined(node)).replace(r"\{\}", "[a-z0-9_]+")
    elif isinstance(node, ast.IfExp):
        yield from codes(node.body)
        yield from codes(node.orelse)


TELLERS = {"Finding", "Problem", "refusal", "tell", "add_rows"}
GIVERS = TELLERS | {"message", "_say"}
APP = {name: tree(name) for name in files(".py", under=("app/",))}
ERRORS = error_names(list(APP.values()))
KNOWN = dict(entries())


def unknown(module: ast.Module) -> list[str]:
    """Codes given that no catalogue holds; an empty one is filled in later by the caller."""
    return [
        f"line {line}: {pattern}"
        for line, pattern, _ in given(module, ERRORS | GIVERS)
        if pattern and not any(re.fullmatch(pattern, code) for code in KNOWN)
    ]


def unfilled(module: ast.Module) -> list[str]:
    """Errors raised without a value that their text tells."""
    found = []
    for line, pattern, values in given(module, ERRORS):
        for code in [code for code in KNOWN if re.fullmatch(pattern, code)] if values is not None else ():
            lacking = set(PLACE.findall(json.dumps(KNOWN[code]))) - (values or set())
            found += [f"line {line}: {code} needs {', '.join(sorted(lacking))}"] if lacking else []
    return found


def silent(modules: Iterable[ast.Module], known: dict[str, Texts]) -> set[str]:
    """Codes that are told on their own and do not say what is the matter and what to do."""
    patterns = {pattern for module in modules for _, pattern, _ in given(module, ERRORS | TELLERS)}
    empty = {
        code
        for code, texts in known.items()
        if not all(part.strip() for one in texts.values() for part in one.values())
    }
    return {code for code in empty if any(re.fullmatch(pattern, code) for pattern in patterns)}


def test_no_code_is_defined_twice() -> None:
    assert not [code for code, count in Counter(code for code, _ in entries()).items() if count > 1]


def test_every_entry_is_well_written() -> None:
    assert not [fault for code, texts in entries() for fault in ill_written(code, texts)]


def test_every_code_given_is_in_the_catalogue() -> None:
    assert not offences(APP, lambda name: unknown(APP[name]))


def test_every_error_brings_the_values_of_its_text() -> None:
    assert not offences(APP, lambda name: unfilled(APP[name]))


def test_what_is_told_says_what_to_do() -> None:
    assert not silent(APP.values(), KNOWN)


def troubles(text: str) -> set[str]:
    """The codes that the README's table of troubles explains."""
    section = text.split("## When something goes wrong")[1].split("\n## ", maxsplit=1)[0]
    rows = [row.split("|")[1] for row in section.splitlines() if row.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`(\w+)`", row)}


def test_the_readme_explains_codes_that_exist() -> None:
    assert not troubles(read("README.md")) - set(KNOWN)
    assert len(troubles(read("README.md"))) > 5


def test_every_code_in_the_catalogue_is_given() -> None:
    named = {text for module in APP.values() for _, text in strings(module)}
    # Checks written in SQL give their codes as literals.
    named |= {text for name in files(".sql", under=("app/",)) for text in re.findall(r"'(\w+)'", read(name))}
    patterns = {
        pattern for module in APP.values() for _, pattern, _ in given(module, ERRORS | GIVERS) if "+" in pattern
    }
    assert not [
        code for code in KNOWN if code not in named and not any(re.fullmatch(pattern, code) for pattern in patterns)
    ]


def test_the_checks_can_fail() -> None:
    assert Counter(code for code, _ in pairs('{"a": {}, "a": {}}')) == {"a": 2}
    good = {"zh": {"what": "没有 {name}。", "do": "请检查。"}, "en": {"what": "No {name}.", "do": "Check."}}
    assert not list(ill_written("fine", good))
    assert list(ill_written("Not-Fine", good))
    assert list(ill_written("x", {"zh": good["zh"]}))
    assert list(ill_written("x", good | {"en": {"what": "None.", "do": "Check."}}))
    assert list(ill_written("x", good | {"en": {"what": "No {name}.", "do": " "}}))
    assert list(ill_written("x", {"zh": good["en"], "en": good["en"]}))
    assert list(ill_written("x", {"zh": good["zh"], "en": good["zh"]}))
    assert troubles("## When something goes wrong\n| `a_code`, `b` | `c` |\n## More\n| `d` |") == {"a_code", "b"}
    mute = {"zh": {"what": "无", "do": ""}, "en": {"what": "None", "do": ""}}
    assert silent([ast.parse('Finding("mute", "warn")')], {"mute": mute, "other": mute}) == {"mute"}
    source = 'raise Conflict("no_such_code_at_all")\nFinding(f"nothing_{like}_this", "warn")\nrefusal("zip_empty")'
    assert len(unknown(ast.parse(source))) == 2
    assert unknown(ast.parse('NotFound("absent_one" if x else "absent_two")')) == [
        "line 1: absent_one",
        "line 1: absent_two",
    ]
    assert unfilled(ast.parse('BadRequest("choice_unknown", name="x")')) == ["line 1: choice_unknown needs choices"]
    assert not unfilled(ast.parse('BadRequest("choice_unknown", name="x", choices="y")'))
    assert error_names([ast.parse("class A(Conflict): ...\nclass B(A): ...\nclass C: ...")]) >= {"A", "B", "Conflict"}
    assert "C" not in error_names([ast.parse("class C: ...")])
