"""Manifests, the Dockerfile and Galaxy's tool pass the checks of those who read them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from helpers.workflow_tools import TOOLS, tool

pytestmark = pytest.mark.workflows

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
KUBERNETES = EXAMPLES / "kubernetes"
DASK_CLUSTER = KUBERNETES / "dask_cluster.yaml"
JOBS = sorted(path for path in KUBERNETES.glob("*.yaml") if path != DASK_CLUSTER)


def _run(*command: object, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **settings)


def _validate(path: Path) -> subprocess.CompletedProcess[str]:
    return _run(tool("manifests", "kubernetes-validate"), "--strict", path)


@pytest.mark.parametrize("path", JOBS, ids=lambda path: path.name)
def test_a_manifest_is_what_kubernetes_expects(path: Path) -> None:
    done = _validate(path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_misspelt_field_of_a_manifest_is_found(tmp_path: Path) -> None:
    misspelt = tmp_path / "encode.yaml"
    misspelt.write_text((KUBERNETES / "encode.yaml").read_text().replace("completionMode", "completionsMode"))
    assert _validate(misspelt).returncode != 0


def test_the_number_of_parts_is_the_same_throughout_the_indexed_job() -> None:
    spec = yaml.safe_load((KUBERNETES / "encode.yaml").read_text())["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    part = container["args"][container["args"].index("--part") + 1]
    assert part == f"auto/{spec['completions']}"
    assert (spec["completionMode"], spec["parallelism"]) == ("Indexed", spec["completions"])


def _strict(schema: Any) -> Any:
    """Return a schema that allows no fields but those it names."""
    if isinstance(schema, list):
        return [_strict(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: _strict(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        strict.setdefault("additionalProperties", False)
    return strict


@pytest.fixture(scope="module")
def dask_cluster_schema() -> dict[str, Any]:
    """Return the schema of the resource DaskCluster, from the operator of dask-kubernetes."""
    (path,) = (TOOLS / "manifests").glob(
        "lib/*/site-packages/dask_kubernetes/operator/deployment/helm/*/crds/daskcluster.yaml"
    )
    (version,) = yaml.safe_load(path.read_text())["spec"]["versions"]
    schema = _strict(version["schema"]["openAPIV3Schema"])
    schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {}}  # of every resource
    return schema


def test_the_cluster_of_dask_is_what_its_operator_expects(dask_cluster_schema: dict[str, Any]) -> None:
    manifest = yaml.safe_load(DASK_CLUSTER.read_text())
    jsonschema.validate(manifest, dask_cluster_schema)
    manifest["spec"]["worker"]["spec"]["containers"][0]["imagine"] = "attlas:cpu"
    with pytest.raises(jsonschema.ValidationError, match="imagine"):
        jsonschema.validate(manifest, dask_cluster_schema)


def test_the_dockerfile_passes_hadolint() -> None:
    done = _run(tool("manifests", "hadolint"), EXAMPLES / "containers" / "Dockerfile")
    assert (done.returncode, done.stdout) == (0, "")


def test_the_tool_of_galaxy_passes_planemo() -> None:
    done = _run(tool("galaxy", "planemo"), "lint", EXAMPLES / "workflows" / "galaxy" / "attlas_build.xml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_script_of_the_containers_refuses_a_device_that_there_is_not(tmp_path: Path) -> None:
    done = _run("sh", EXAMPLES / "containers" / "install.sh", "gpu", tmp_path / "attlas")
    assert (done.returncode, done.stderr) == (2, "the device is cpu or cuda, not gpu\n")


def test_the_script_of_the_containers_installs_the_command_with_all_its_files(tmp_path: Path) -> None:
    # Without the libraries, which are those of this environment.
    script = EXAMPLES / "containers" / "install.sh"
    done = _run("sh", script, "cuda", tmp_path / "attlas", env={**os.environ, "PIP_NO_DEPS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr

    libraries = [path for path in sys.path if path.endswith("site-packages")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(libraries)}
    attlas = tmp_path / "attlas" / "bin" / "attlas"
    assert _run(attlas, "ask", "--help", env=environment, cwd=tmp_path).returncode == 0
    installed = {path.name for path in (tmp_path / "attlas").rglob("attlas/queries/**/*.sql")}
    assert installed == {path.name for path in (ROOT / "queries").rglob("*.sql")}
