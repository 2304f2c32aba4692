"""`jangbu backup` and `jangbu restore`: PostgreSQL's own dump with the proof beside it, and the way back.

A backup is a folder: `dump/` as pg_dump writes it, and `manifest.json`, which holds the heads of the seals and the row
counts of the very snapshot that was dumped. So a restored copy can prove that it is what was backed up.
"""

from jangbu.backup.check import Checked, check
from jangbu.backup.loading import Restored, restore
from jangbu.backup.making import make
from jangbu.backup.manifest import Manifest

__all__ = ["Checked", "Manifest", "Restored", "check", "make", "restore"]
