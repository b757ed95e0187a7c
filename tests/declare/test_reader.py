import pytest

from confjob.declare import declare, read_project
from confjob.errors import ManifestError
from confjob.project import Project

COMMAND = '[jobs.t]\ncommand = ["python", "t.py"]\n'
RUN_CONFIG = COMMAND + "[jobs.t.run-config]\ndefaults = { a = 1 }\n"
UNREAD = "import confjob, sys\nconfjob.manage_config_file(sys.argv[1])\n"
CODE = "import confjob\nconfjob.manage_config(defaults={'a': 1}, schema={'properties': {'a': {'type': 'float'}}})\n"


@pytest.fixture
def job(project):
    """A function that declares a job of a project, and returns its JobSpec."""

    def make(manifest="", script="", name="t", **files):
        named = {path.replace("__", "."): text for path, text in files.items()}
        project.write({"t.py": script, "c.yaml": "a: 1\n", **named})
        if manifest:
            project.write({"launch.toml": manifest})
        there = Project.find(project.root, environ=project.environ)
        return declare(there, read_project(there), name)

    return make


def refused(job, *arguments, **files):
    with pytest.raises(ManifestError) as caught:
        job(*arguments, **files)
    return [(str(each.path), str(each.where), each.message) for each in caught.value.problems]


@pytest.mark.parametrize(
    ("schema", "inside", "why"),
    [
        ('{ type = "float" }', "type", "unknown type 'float' (did you mean 'number'?)"),
        ("{ properties = { a = { minimum = 'x' } } }", "properties.a.minimum", "must be"),
        ('{ required = "a" }', "required", "must be a list"),
        ("{ properties = 5 }", "properties", "must be a dict"),
        ('{ "$ref" = "#/nope" }', "$ref", "points at nothing"),
        ('{ "$ref" = "https://example.org/x" }', "$ref", "nothing is fetched"),
        ('{ pattern = "[" }', "pattern", "no regular expression"),
    ],
)
def test_a_malformed_schema_is_refused_where_it_stands(job, schema, inside, why):
    """An author's schema that is none is a refusal with the line, never a crash later."""
    ((path, where, message),) = refused(job, f"{RUN_CONFIG}schema = {schema}\n")
    assert path == f"jobs.t.run-config.schema.{inside}"
    assert where.startswith("launch.toml:5:")
    assert why in message


def test_all_faults_of_all_schemas_come_with_all_other_faults(job):
    manifest = (
        f"{RUN_CONFIG}schema = {{ type = 'flot', required = 1 }}\n[jobs.t.resources]\nmemory = 'lots'\n"
    )
    assert [path for path, _, _ in refused(job, manifest)] == [
        "jobs.t.run-config.schema.type",
        "jobs.t.run-config.schema.required",
        "jobs.t.resources.memory",
    ]


def test_a_malformed_schema_in_a_file_is_named_with_the_place_inside(job):
    manifest = RUN_CONFIG + 'schema = "s.json"\n'
    ((path, where, message),) = refused(job, manifest, s__json='{"properties": {"a": {"type": "floot"}}}')
    assert (path, where[:14]) == ("jobs.t.run-config.schema", "launch.toml:5:")
    assert message.startswith("s.json, at 'properties.a.type': unknown type 'floot'")


@pytest.mark.parametrize(("manifest", "name"), [(COMMAND, "t"), ("", "t.py")])
def test_a_malformed_schema_in_code_is_refused_with_the_line_of_the_code(job, manifest, name):
    ((_, where, message),) = refused(job, manifest, CODE, name)
    assert where == "t.py:2:1"
    assert "at 'properties.a.type': unknown type 'float'" in message


def test_the_manifest_s_schema_replaces_a_malformed_one_in_code(job):
    spec = job(RUN_CONFIG + "schema = { type = 'object' }\n", CODE)
    assert spec.input("run-config").schema == {"type": "object"}


@pytest.mark.parametrize(("manifest", "name"), [(COMMAND, "t"), ("", "t.py")])
def test_a_call_whose_path_only_the_running_script_knows_is_a_warning(job, manifest, name):
    (warning,) = job(manifest, UNREAD, name).warnings
    assert (warning.severity, str(warning.where)) == ("warning", "t.py:2:1")
    assert "can't be read without running the script" in warning.message


def test_the_warning_ends_once_the_manifest_declares_the_file(job):
    assert job(COMMAND + '[[jobs.t.files]]\npath = "c.yaml"\n', UNREAD).warnings == ()
