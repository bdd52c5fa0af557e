"""What documents show of Python works as it is shown."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def blocks(name: str) -> list[str]:
    found = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL)
    assert found
    return found


def run(name: str) -> dict:
    names: dict = {}
    for block in blocks(name):
        exec(compile(block, name, "exec"), names)
    return names


def test_code_of_the_first_page_runs():
    names = run("README.md")
    assert names["activity"].shape == (200, 64) and names["est"].error_ < 0.5


def test_code_of_first_steps_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run("docs/first-steps.md")
    assert (tmp_path / "runs" / "first" / "summary.json").exists()


@pytest.mark.parametrize("name", ["docs/recipes.md", "docs/python.md"])
def test_code_for_things_of_ones_own_compiles(name):
    assert len(blocks(name)) > 2
    for block in blocks(name):
        compile(block, name, "exec")
