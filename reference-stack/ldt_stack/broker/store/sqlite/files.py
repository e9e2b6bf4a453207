"""Which file a tenant has, and which tenants there are. The directory belongs to one process at a time."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from urllib.parse import unquote_to_bytes

from filelock import FileLock, Timeout

from ldt_stack.broker.errors import BadRequestData, InternalError
from ldt_stack.broker.spaces import MAX_NAME_BYTES, escaped, split_space

_DEFAULT = "default.sqlite"
_PREFIX, _SUFFIX = "tenant-", ".sqlite"
_LOCK_SECONDS = 0.5  # a broker that is just ending still holds it


def tenant_files(directory: Path) -> list[Path]:
    """The databases in a directory, that of the default tenant first."""
    return [*directory.glob(_DEFAULT), *sorted(directory.glob(f"{_PREFIX}*{_SUFFIX}"))]


class TenantFiles:
    """The directory of a store; a temporary one if none is given, gone when it is closed."""

    def __init__(self, directory: Path | None) -> None:
        self.temporary = directory is None
        self.directory = Path(tempfile.mkdtemp(prefix="ldt-broker-")) if directory is None else directory
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.directory / "broker.lock", timeout=_LOCK_SECONDS)
            self._lock.acquire()
        except Timeout:
            raise InternalError(f"{self.directory} is in use by another broker; stop it, or use another one") from None
        except OSError as error:
            raise InternalError(f"The data directory {self.directory} cannot be used: {error}") from error
        self._known = {self._tenant_of(path.name) for path in tenant_files(self.directory) if path.name != _DEFAULT}

    def path(self, tenant: str | None) -> Path:
        """The file of a tenant, whether it exists or not.

        Raises:
            BadRequestData: The name is empty or too long.
        """
        if tenant is None:
            return self.directory / _DEFAULT
        name = escaped(tenant)
        if not name or len(name) > MAX_NAME_BYTES:
            raise BadRequestData("The name of the tenant is empty or too long; use up to 60 letters, digits, _ or -")
        return self.directory / f"{_PREFIX}{name}{_SUFFIX}"

    def exists(self, tenant: str | None) -> bool:
        """Whether a tenant exists; the default one does."""
        return tenant is None or tenant in self._known

    def add(self, tenant: str | None) -> None:
        """A tenant's file was made."""
        if tenant is not None:
            self._known.add(tenant)

    def forget(self, tenant: str) -> None:
        """From now on there is no such tenant."""
        self._known.discard(tenant)

    def delete(self, tenant: str) -> None:
        """Delete the files of a tenant; nobody has them open.

        Raises:
            OSError: The file system refuses.
        """
        path = self.path(tenant)
        for file in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
            file.unlink(missing_ok=True)

    def tenants(self) -> list[str | None]:
        """All of them, the default one first."""
        return [None, *sorted(self._known)]

    def count_tenants(self) -> int:
        """How many there are, the default one and those of Snapshots left out."""
        return sum(split_space(space)[1] is None for space in self._known)

    def close(self) -> None:
        """Release the directory, and remove it if it was temporary."""
        self._lock.release()
        if self.temporary:
            shutil.rmtree(self.directory, ignore_errors=True)

    @staticmethod
    def _tenant_of(file_name: str) -> str:
        return unquote_to_bytes(file_name[len(_PREFIX) : -len(_SUFFIX)]).decode()
