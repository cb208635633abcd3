"""The same job as one would build it from well-known parts: is ours really faster, and by how much?

Their packages are a dependency group of their own, `bench`: nothing else needs them.
"""

from importlib.util import find_spec

INSTALL = "the peers' packages are not installed: .venv/bin/uv pip install --python .venv/bin/python --group bench"
_NEEDED = ("arq", "celery", "fastapi", "httptools", "requests", "uvicorn")


def missing() -> list[str]:
    return [name for name in _NEEDED if find_spec(name) is None]
