"""What documents show of Python works as it is shown."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize("name", ["first-steps.md"])
def test_code_in_documents_runs(name, tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / name).read_text("utf-8"), re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(DOCS / name), "exec"), names)
    assert (tmp_path / "runs" / "first" / "summary.json").exists()
    assert names["activity"].shape == (200, 64) and names["est"].error_ < 0.5


def test_recipes_compile():
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "recipes.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) > 4
    for block in blocks:
        compile(block, "recipes.md", "exec")
