"""What is in deploy/ agrees with the code, with the images and with itself; nothing is built or started."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy.image import CHECKOUT, DEPLOY, LOCKS, REPOSITORIES, find_base, find_engine
from models.settings import KEYS_FILE, Settings, SourceSettings
from service.access import KEYS_ENV, OPEN
from service.app import DEADLINE_SECONDS, ROUTES
from service.current import RELEASES_ENV
from service.drain import DRAIN_ENV, SECONDS
from service.errors import BuildError

KUBERNETES = DEPLOY / "kubernetes"
USER = 10001
PORT = Settings.model_fields["service"].default.port


def instructions(name: str) -> list[tuple[str, str]]:
    """Return the last stage of an image: word and arguments of each instruction."""
    text = (DEPLOY / f"{name}.Containerfile").read_text(encoding="utf-8")
    stage = re.sub(r"^#.*\n", "", text[text.rindex("FROM ") :], flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in stage.splitlines() if line)]


def only(name: str, instruction: str) -> str:
    (found,) = [rest for word, rest in instructions(name) if word == instruction]
    return found


def environment(name: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in only(name, "ENV").split())


def manifests() -> Iterator[dict[str, Any]]:
    for path in sorted(KUBERNETES.glob("*.yaml")):
        yield from (each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each)


def manifest(kind: str) -> dict[str, Any]:
    (found,) = [each for each in manifests() if each["kind"] == kind]
    return found


def pods() -> dict[str, dict[str, Any]]:
    """Return what runs of each image, by the image's repository."""
    found = (
        manifest("Deployment")["spec"]["template"]["spec"],
        manifest("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"],
    )
    return {pod["containers"][0]["image"].split(":")[0]: pod for pod in found}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def test_every_manifest_is_what_kubernetes_takes() -> None:
    kinds = []
    for each in manifests():
        if each["kind"] == "Kustomization":
            continue
        kubernetes_validate.validate(each, kubernetes_validate.latest_version(), strict=True)
        kinds.append(each["kind"])
    assert {"Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "CronJob"} <= set(kinds)
    assert kinds.count("PersistentVolumeClaim") == 2


def test_a_manifest_with_a_word_that_kubernetes_does_not_know_would_be_noticed() -> None:
    wrong = manifest("Deployment")
    wrong["spec"]["template"]["spec"]["containers"][0]["readyProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError, match="readyProbe"):
        kubernetes_validate.validate(wrong, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_manifest_and_what_the_pods_mount() -> None:
    found = manifest("Kustomization")
    assert sorted(found["resources"]) == sorted(
        {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    )
    assert found["namespace"] == manifest("Namespace")["metadata"]["name"]
    assert {each["name"] for each in found["images"]} == set(pods()) == set(REPOSITORIES.values())
    made = {each["name"]: each["files"] for each in found["configMapGenerator"] + found["secretGenerator"]}
    claims = {each["metadata"]["name"] for each in manifests() if each["kind"] == "PersistentVolumeClaim"}
    for pod in pods().values():
        for volume in pod["volumes"]:
            if "secret" in volume:
                assert made[volume["secret"]["secretName"]] == [KEYS_FILE]
            elif "configMap" in volume:
                assert made[volume["configMap"]["name"]] == ["foresell.toml"]
            elif "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in claims
            else:
                assert "emptyDir" in volume
        mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_what_selects_pods_finds_those_of_the_service() -> None:
    labels = manifest("Deployment")["spec"]["template"]["metadata"]["labels"]
    job = manifest("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    selectors = (
        manifest("Deployment")["spec"]["selector"]["matchLabels"],
        manifest("Service")["spec"]["selector"],
        manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    )
    assert all(selector == labels != job for selector in selectors)
    assert manifest("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]["name"] == "foresell"


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_an_image_runs_as_nobody_who_could_become_root(name: str) -> None:
    assert only(name, "USER") == f"{USER}:{USER}"
    script = (DEPLOY / "image.sh").read_text(encoding="utf-8")
    assert f"useradd --uid {USER} --gid {USER}" in script
    assert "-perm /6000 -exec chmod a-s" in script
    pod = pods()[REPOSITORIES[name]]
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", sorted(LOCKS))
def test_an_image_writes_to_nothing_but_tmp_and_what_is_mounted(name: str) -> None:
    found = environment(name)
    assert found["HOME"] == "/tmp"
    assert found["BENTOML_HOME"].startswith("/tmp/")
    assert found["PYTHONDONTWRITEBYTECODE"] == "1"
    mounts = {mount["mountPath"] for mount in pods()[REPOSITORIES[name]]["containers"][0]["volumeMounts"]}
    assert "/tmp" in mounts
    services = compose()["services"]
    assert all(
        each["read_only"] and each["tmpfs"] == ["/tmp"] and each["cap_drop"] == ["ALL"] for each in services.values()
    )


def test_the_service_listens_where_it_is_called() -> None:
    command = json.loads(only("service", "CMD"))
    # words, not a line for a shell: SIGTERM reaches the process that drains
    assert command[:3] == ["python", "-m", "bentoml"]
    assert command[command.index("--port") + 1] == only("service", "EXPOSE") == str(PORT)
    assert compose()["services"]["service"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    (container,) = pods()["foresell"]["containers"]
    assert container["ports"] == [{"name": "http", "containerPort": PORT}]
    assert manifest("Service")["spec"]["ports"][0]["targetPort"] == "http"
    assert manifest("NetworkPolicy")["spec"]["ingress"] == [{"ports": [{"port": "http"}]}]


def test_health_is_asked_where_no_key_is_needed() -> None:
    (container,) = pods()["foresell"]["containers"]
    asked = {probe: container[probe]["httpGet"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert all(each["port"] == "http" for each in asked.values())
    paths = {probe: each["path"] for probe, each in asked.items()}
    assert paths == {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"}
    assert set(paths.values()) <= OPEN
    health = only("service", "HEALTHCHECK")
    assert f"'127.0.0.1', {PORT}" in health
    assert re.findall(r"'GET', '(.*?)'", health) == ["/livez"]
    assert set(paths.values()) <= set(ROUTES)


def test_there_is_time_to_drain_and_to_answer_the_last_call() -> None:
    pod = pods()["foresell"]
    given = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    probe = pod["containers"][0]["readinessProbe"]
    drain = float(given[DRAIN_ENV])
    # somebody must have asked before it ends
    assert drain > probe["periodSeconds"] * probe["failureThreshold"]
    assert drain + DEADLINE_SECONDS + 5 <= pod["terminationGracePeriodSeconds"]
    assert int(compose()["services"]["service"]["stop_grace_period"].rstrip("s")) >= SECONDS + DEADLINE_SECONDS + 5


def test_releases_and_keys_are_read_where_they_are_mounted() -> None:
    keys = Path(environment("service")[KEYS_ENV])
    assert keys.name == KEYS_FILE
    (container,) = pods()["foresell"]["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    # the folder: a file that is mounted by itself stays what it was when another takes its place
    assert mounts[str(keys.parent)]["readOnly"]
    assert not any("subPath" in mount for mount in mounts.values())
    given = {each["name"]: each["value"] for each in container["env"]}
    assert mounts[given[RELEASES_ENV]]["readOnly"]
    service, workspace = compose()["services"]["service"], Path(only("job", "WORKDIR"))
    assert f"releases:{service['environment'][RELEASES_ENV]}:ro" in service["volumes"]
    assert f"keys:{keys.parent}:ro" in service["volumes"]
    settings = Settings(workspace=workspace, source=SourceSettings(builtin="complete-journey"))
    assert f"releases:{settings.releases}" in compose()["services"]["job"]["volumes"]
    job = {mount["mountPath"]: mount["name"] for mount in pods()["foresell-job"]["containers"][0]["volumeMounts"]}
    assert job[str(settings.releases)] == "releases"
    assert job[str(workspace)] == "workspace"
    assert compose()["services"]["keys"]["working_dir"] == str(keys.parent)


def test_a_worker_that_dies_in_the_image_is_replaced_because_bentoml_is_not_told_of_the_container() -> None:
    assert "BENTOML_CONTAINERIZED" not in environment("service")
    for pod in pods().values():
        assert all(each["name"] != "BENTOML_CONTAINERIZED" for each in pod["containers"][0].get("env", []))


def test_every_service_of_the_compose_file_has_an_image_and_volumes_that_there_are() -> None:
    found = compose()
    for name, each in found["services"].items():
        assert each["image"].removesuffix(":latest") in REPOSITORIES.values(), name
        for volume in each["volumes"]:
            source = volume.split(":")[0]
            assert source in found["volumes"] or source == "./foresell.toml"
    assert found["services"]["job"]["environment"]["FORESELL_TRACKING__URI"] == "http://mlflow:5000"
    assert "--allowed-hosts=mlflow:5000,localhost:5000,127.0.0.1:5000" in found["services"]["mlflow"]["command"]


def test_docker_takes_the_compose_file() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("there is no docker compose here")
    command = ["docker", "compose", "--file", DEPLOY / "compose.yaml", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_locks_of_the_images_pin_what_the_tests_run_with() -> None:
    def pins(lock: str) -> dict[str, str]:
        lines = (CHECKOUT / lock).read_text(encoding="utf-8").splitlines()
        return dict(line.split(" ")[0].split("==") for line in lines if re.match(r"[a-z0-9]", line))

    tested = pins("requirements.lock")
    for lock in LOCKS.values():
        assert pins(lock).items() <= tested.items(), lock
    assert "pytest" not in pins(LOCKS["job"])
    assert {"mlflow", "typer"} <= set(pins(LOCKS["job"]))
    assert "mlflow" not in pins(LOCKS["service"])


def test_one_line_says_what_to_install_when_nothing_builds_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda program: None)
    with pytest.raises(BuildError, match="start Docker, or install buildah"):
        find_engine()


def test_one_line_says_how_to_name_a_base_image_when_none_can_be_pulled(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        name = "docker"

        def pull(self, image: str) -> bool:
            return False

    with pytest.raises(BuildError, match=r"name one with Python 3\.11 that can with BASE=IMAGE"):
        find_base(Nothing(), None)  # type: ignore[arg-type]
