"""Models of the Hugging Face hub, through huggingface_hub: its cache, its token, its offline mode.

Knows repositories and which files a build reads; never what is in them. `HF_HUB_OFFLINE=1` asks
nobody, `HF_HOME` and `HF_HUB_CACHE` say where the cache is, `HF_TOKEN` who asks.
"""

import errno
import re
from pathlib import Path

import msgspec

from smysl_build_engines.checkpoint import (
    CALIBRATION_FILE,
    CONFIG_FILE,
    INDEX_FILE,
    OPTIONAL_FILES,
    WEIGHTS_FILE,
)
from smysl_build_engines.errors import HubUnavailable
from smysl_build_engines.pooling_files import (
    MODEL_SETTINGS_FILE,
    MODULES_FILE,
    POOLING_FILE,
    SETTINGS_FILES,
)
from smysl_build_engines.tensorrt_llm.formats import QUANTISED_FILE
from smysl_engines.manifest import TOKENIZER_FILE

FILES = (
    CONFIG_FILE,
    INDEX_FILE,
    WEIGHTS_FILE,
    WEIGHTS_FILE.replace(".", "-*-of-*.", 1),
    TOKENIZER_FILE,
    *OPTIONAL_FILES,
    CALIBRATION_FILE,
    QUANTISED_FILE,
    MODULES_FILE,
    MODEL_SETTINGS_FILE,
    *SETTINGS_FILES,
    POOLING_FILE.replace("1", "[0-9]", 1),
)
"""Patterns; a repository often holds the same weights in other formats, which are left there."""

_NAME = r"[A-Za-z0-9](?:[\w.-]*\w)?"
_ID = re.compile(rf"({_NAME}/{_NAME})(?:@([\w./-]+))?", re.ASCII)


class HubModel(msgspec.Struct, frozen=True):
    repository: str
    """`org/name`"""
    revision: str | None = None
    """Branch, tag or commit; None is the main branch."""

    @property
    def name(self) -> str:
        return self.repository.partition("/")[2]

    def __str__(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"


def hub_model(source: str) -> HubModel | None:
    """What `org/name` or `org/name@revision` means; None for what cannot be such an id."""
    found = _ID.fullmatch(source)
    return None if found is None else HubModel(found[1], found[2])


def fetch(model: HubModel, *, config_only: bool = False) -> Path:
    """The folder of a model's files in the hub's cache; what is missing there is downloaded.

    Raises `HubUnavailable` with the remedy.
    """
    try:
        # a second to import, and its HTTP client with it
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError as error:
        raise HubUnavailable(
            f"{model} is no folder here, and models of the hub need the package huggingface_hub "
            f"({error}). Install it (pip install huggingface_hub), or give a folder."
        ) from error
    try:
        return Path(
            snapshot_download(
                model.repository,
                revision=model.revision,
                allow_patterns=[CONFIG_FILE, QUANTISED_FILE] if config_only else list(FILES),
            )
        )
    except GatedRepoError as error:
        raise HubUnavailable(
            f"{model} is given only to people who accepted its terms. Accept them at "
            f"https://huggingface.co/{model.repository}, then `hf auth login` or set HF_TOKEN."
        ) from error
    except RevisionNotFoundError as error:
        raise HubUnavailable(
            f"{model.repository} has no revision {model.revision!r}. Give a branch, a tag or a "
            "commit of it, or leave @ and what follows out."
        ) from error
    except RepositoryNotFoundError as error:
        raise HubUnavailable(
            f"{model} is neither a folder here nor a model of the hub that you may see. Check the "
            "name; for a private one, `hf auth login` or set HF_TOKEN."
        ) from error
    except Exception as error:
        # whatever its HTTP client of today raises: nothing was fetched, and the reason is in it
        raise _unavailable(model, error) from error


def _unavailable(model: HubModel, error: Exception) -> HubUnavailable:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return HubUnavailable(
            f"the hub's cache has no room for {model}: {error.strerror}. Free space there, or set "
            "HF_HUB_CACHE to another folder."
        )
    reason = " ".join(str(error.__cause__ or error).split())
    return HubUnavailable(
        f"{model} is no folder here, and it cannot be fetched from the hub: {reason[:300]}. With a "
        f"network, check it and that HF_HUB_OFFLINE is not set; without one, run `hf download "
        f"{model.repository}` elsewhere and copy the hub's cache (HF_HUB_CACHE), or give a folder."
    )
