"""A small disk in memory that can be filled up and set free; only where this user may mount one."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

NEW_MOUNTS = 0x00020000
PIECE = b"\0" * (1 << 20)


def own_mounts() -> bool:
    """Let what this process mounts be seen by it and its children alone, and go with them however they end (Linux).

    To be called before there are other threads.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or ctypes.CDLL(None).unshare(NEW_MOUNTS) != 0:
        return False
    return subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True).returncode == 0


class Disk:
    """A folder on a tmpfs of its own, or just a folder where that cannot be had."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self.megabytes, self.mounted = folder, megabytes, False

    def mount(self) -> None:
        """Try to mount it, after `own_mounts`; `mounted` says whether it worked."""
        command = ["mount", "-t", "tmpfs", "-o", f"size={self.megabytes}m", "tmpfs", str(self.folder)]
        try:
            self.mounted = subprocess.run(command, capture_output=True).returncode == 0
        except FileNotFoundError:
            self.mounted = False

    def fill(self) -> int:
        """Leave no room; gives the MiB it took."""
        size = 0
        with (self.folder / "ballast").open("ab", buffering=0) as ballast:
            try:
                while True:
                    size += ballast.write(PIECE)
            except OSError:  # no space left on device, which is what is wanted
                return size >> 20

    def free(self) -> None:
        """Give the room back."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def unmount(self) -> None:
        """Remove the mount; what was on it is gone."""
        if self.mounted:
            self.mounted = subprocess.run(["umount", "-l", str(self.folder)], capture_output=True).returncode != 0
