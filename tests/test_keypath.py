import pytest
from hypothesis import given
from hypothesis import strategies as st

from confjob.keypath import STAR, KeyPath, PathFilter, PathSyntaxError, Pattern, split_input

TEXT = st.text(alphabet=st.sampled_from("ab.\\[]*=:+- \nü0"), max_size=5) | st.text(max_size=4)
PART = TEXT | st.integers(0, 10**18 - 1)
PATHS = st.lists(PART, max_size=5).map(KeyPath)
SMALL = st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=4).map(KeyPath)
PREFIXES = st.lists(SMALL.map(str), max_size=3)


@given(PATHS)
def test_every_path_reads_back_from_its_text(path):
    assert KeyPath.parse(str(path)) == path


@given(PATHS, PATHS)
def test_text_tells_paths_apart(one, other):
    assert (str(one) == str(other)) == (one == other)


@given(st.text(alphabet=st.sampled_from("ab.\\[]*0=:"), max_size=12))
def test_every_text_is_read_or_refused_and_what_is_read_has_one_canonical_text(text):
    try:
        path = KeyPath.parse(text)
    except PathSyntaxError as error:
        assert repr(text)[1:-1] in str(error) or text in str(error)
    else:
        assert KeyPath.parse(str(path)) == path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        (".", ("",)),
        (".a", ("", "a")),
        ("a.", ("a",)),
        ("a..", ("a", "")),
        ("a..b", ("a", "", "b")),
        (r"a\.b", ("a.b",)),
        (r"a\\.b", ("a\\", "b")),
        (r"\+a\-", ("+a-",)),
        (r"a\:b\=c\*", ("a:b=c*",)),
        ("layers[0].lr", ("layers", 0, "lr")),
        ("layers.0.lr", ("layers", "0", "lr")),
        ("[0][1]", (0, 1)),
        ("a[0][1].b", ("a", 0, 1, "b")),
        (r"a\[0\]", ("a[0]",)),
        ("a..[0]", ("a", "", 0)),
        ("ключ.键", ("ключ", "键")),
        ("a b", ("a b",)),
    ],
)
def test_the_text_form(text, path):
    assert tuple(KeyPath.parse(text)) == path


@pytest.mark.parametrize(
    ("text", "column"),
    [(r"a\b", 2), ("a\\", 2), ("a[", 2), ("a[]", 2), ("a[-1]", 2), ("a[x]", 2), ("a[0]b", 5), ("a]b", 2)]
    + [("a*b", 2), ("*a", 2), ("a[٣]", 2), ("a[" + "9" * 5000 + "]", 2)],
)
def test_a_malformed_path_is_refused_at_its_column(text, column):
    with pytest.raises(PathSyntaxError, match=f"column {column}:"):
        KeyPath.parse(text)


def test_a_star_is_for_filters_only():
    with pytest.raises(PathSyntaxError, match="filters"):
        KeyPath.parse("a.*.b")
    assert tuple(Pattern.parse("a.*[*]")) == ("a", STAR, STAR)
    assert str(Pattern.parse("a.*[0]")) == "a.*[0]"


@given(SMALL, SMALL)
def test_ancestors(path, rest):
    below = path.join(rest)
    assert below.startswith(path)
    assert path.startswith(below) == (not rest)
    assert path.child("x").parent == path
    assert KeyPath().parent == KeyPath()


@given(SMALL, PREFIXES, PREFIXES)
def test_exclude_always_wins_and_no_include_keeps_all(path, include, exclude):
    paths = PathFilter(include, exclude)
    covered = [path.startswith(KeyPath.parse(prefix)) for prefix in exclude]
    if any(covered):
        assert not paths.selects(path)
        assert paths.excluded_by(path) is not None
    elif not include:
        assert paths.selects(path)
    else:
        assert paths.selects(path) == any(path.startswith(KeyPath.parse(prefix)) for prefix in include)


@given(SMALL, SMALL, PREFIXES, PREFIXES)
def test_what_is_selected_is_selected_with_all_below_it_unless_excluded(path, rest, include, exclude):
    paths = PathFilter(include, exclude)
    if paths.selects(path):
        below = path.join(rest)
        assert paths.selects(below) == (paths.excluded_by(below) is None)


def test_prefixes_are_whole_components():
    assert not PathFilter("train").selects(KeyPath(("trainer",)))
    assert PathFilter(r"a\.b").selects(KeyPath(("a.b", "c")))
    assert not PathFilter(r"a\.b").selects(KeyPath(("a", "b")))


def test_a_plain_string_is_one_prefix():
    assert PathFilter("trainer", "trainer.private") == PathFilter(["trainer"], ["trainer.private"])
    assert hash(PathFilter("a")) == hash(PathFilter(["a"]))
    assert PathFilter("a") != "a"


@pytest.mark.parametrize(
    ("include", "exclude", "kept"),
    [
        # W&B Launch's filterTree on {"a": {"b": 1, "": 2}, "a.b": 3, "t": [1]}
        ([], [], "a.b a.. a\\.b t"),
        ([""], [], "a.b a.. a\\.b t"),
        ([], [""], ""),
        (["a"], [], "a.b a.."),
        (["a."], [], "a.b a.."),
        (["a.."], [], "a.."),
        ([r"a\.b"], [], "a\\.b"),
        (["a", "t"], ["a.b"], "a.. t"),
        (["a.b"], ["a"], ""),
        (["a.b.c"], [], ""),
        (["x"], [], ""),
        (["a", "a"], [], "a.b a.."),
    ],
)
def test_filters_keep_what_wandb_launch_keeps(include, exclude, kept):
    leaves = [KeyPath(("a", "b")), KeyPath(("a", "")), KeyPath(("a.b",)), KeyPath(("t",))]
    paths = PathFilter(include, exclude)
    assert [str(leaf) for leaf in leaves if paths.selects(leaf)] == kept.split()


@pytest.mark.parametrize("text", [r"a\b", "a\\", "[", "a[x]", "a**"])
def test_a_malformed_prefix_is_refused_and_never_hangs(text):
    with pytest.raises(PathSyntaxError):
        PathFilter([text])


def test_a_star_is_one_component_and_a_digit_is_key_or_index():
    assert PathFilter("layers.*.lr").selects(KeyPath(("layers", 3, "lr")))
    assert PathFilter("layers[*].lr").selects(KeyPath(("layers", 3, "lr", "x")))
    assert not PathFilter("*.lr").selects(KeyPath(("a", "b", "lr")))
    assert not PathFilter("a.*").selects(KeyPath(("a",)))
    assert PathFilter("layers.0").selects(KeyPath(("layers", 0)))
    assert PathFilter("layers.0").selects(KeyPath(("layers", "0")))
    assert not PathFilter("layers[0]").selects(KeyPath(("layers", "0")))
    assert PathFilter(r"\*").selects(KeyPath(("*",)))
    assert not PathFilter(r"\*").selects(KeyPath(("a",)))


def test_prefixes_that_match_nothing_are_told():
    paths = PathFilter(["a.b", "a.x"], ["a.c", "*.y"])
    told = paths.unmatched([KeyPath(("a", "b")), KeyPath(("a", "c", "d"))])
    assert list(map(str, told)) == ["a.x", "*.y"]


def test_a_pattern_reaches_what_it_could_cover():
    pattern = Pattern.parse("a.*.c")
    assert pattern.reaches(KeyPath())
    assert pattern.reaches(KeyPath(("a", "b")))
    assert pattern.reaches(KeyPath(("a", "b", "c", "d")))
    assert not pattern.reaches(KeyPath(("b",)))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a.b", (None, "a.b")),
        ("config.yaml:a.b", ("config.yaml", "a.b")),
        ("config.yaml:a:b", ("config.yaml", "a:b")),
        (r"a\:b", (None, r"a\:b")),
        (r"x\:y\\:a", ("x:y\\", "a")),
        (":a", ("", "a")),
        ("a:", ("a", "")),
        ("", (None, "")),
        ("\\", (None, "\\")),
    ],
)
def test_the_first_unescaped_colon_splits_the_input_from_the_path(text, parts):
    assert split_input(text) == parts


@given(TEXT)
def test_a_path_is_never_taken_for_an_input(key):
    path = str(KeyPath((key, "x")))
    assert split_input(path) == (None, path)
