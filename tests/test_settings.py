"""Settings: a wrong value stops the start with one line that says what and how."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.core.errors import SettingError
from app.core.settings import SETTINGS, load

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "80a"), ("PORT", "0"), ("PORT", "70000"), ("BASE_URL", "inferencebench.io"),
        ("BASE_URL", "https://a.example/path"), ("REDIS_URL", "http://x"), ("CONTACT_EMAIL", "nobody"),
        ("TRUSTED_PROXIES", "10.0.0.300"), ("IMAP_URL", "pop://x"), ("HOST", "a b"), ("DATA_DIR", "pyproject.toml"),
        ("SOURCE_AZURE_URL", "ftp://x"), ("SOURCE_AZURE_URL", "https://x/path"), ("HF_ENDPOINT", "hub"),
        ("SOURCE_AZURE_URL", "http://prices.example.org"), ("HF_ENDPOINT", "http://10.0.0.7:80"),
        ("POLICIES_DIR", "./no-such-folder"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_name_and_an_example(variable: str, value: str) -> None:
    with pytest.raises(SettingError) as refused:
        load({f"INFERENCEBENCH_{variable}": value})
    text = str(refused.value)
    assert f"INFERENCEBENCH_{variable}" in text
    assert "for example" in text
    assert "\n" not in text


def test_a_misspelt_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="did you mean INFERENCEBENCH_PORT"):
        load({"INFERENCEBENCH_PROT": "1"})


def test_the_operator_address_may_not_be_the_contact_address() -> None:
    with pytest.raises(SettingError, match="OPERATOR_EMAIL"):
        load({"INFERENCEBENCH_OPERATOR_EMAIL": "Privacy@inferencebench.io"})


def test_every_setting_has_a_working_default_and_example() -> None:
    load({})
    for setting in SETTINGS:
        assert setting.meaning
        setting.read(setting.example)


def test_a_source_has_its_key_and_address() -> None:
    settings = load({"INFERENCEBENCH_SOURCE_AZURE_URL": "http://127.0.0.1:9", "INFERENCEBENCH_SOURCE_LAMBDA_KEY": "k"})
    assert settings.source_urls == {"azure": "http://127.0.0.1:9"}
    assert settings.source_keys == {"lambda": "k"}


def test_the_command_says_it_in_one_line_without_a_stack_trace(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "serve"], check=False, cwd=ROOT, capture_output=True, text=True,
        env={"PATH": "/usr/bin", "INFERENCEBENCH_PORT": "nine", "INFERENCEBENCH_DATA_DIR": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "INFERENCEBENCH_PORT" in done.stderr


def test_doctor_finds_a_sound_installation_and_a_broken_one(prepared_data: Path, tmp_path: Path) -> None:
    from app.pricing.snapshot import files
    from app.process.doctor import examine

    sound = list(examine(load({"INFERENCEBENCH_DATA_DIR": str(prepared_data)})))
    assert not [text for kind, text in sound if kind == "fault"]
    assert any(f"{len(files.offers()):,} offers" in text for _, text in sound)
    (tmp_path / "inferencebench.sqlite").write_bytes(b"this is no database, but it is long enough" * 100)
    broken = list(examine(load({"INFERENCEBENCH_DATA_DIR": str(tmp_path)})))
    assert any(kind == "fault" and "can't be read" in text for kind, text in broken)
