"""Debian 12's azure.azcollection asks a package for two names that are one package further down."""
import importlib
import importlib.abc
import importlib.util
import sys

PACKAGE = "azure.mgmt.recoveryservicesbackup."


class Moved(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """A name that a package does not have is looked for as a module of it: as this one."""

    def find_spec(self, name, path=None, target=None):
        moved = name in (PACKAGE + "RecoveryServicesBackupClient", PACKAGE + "models")
        return importlib.util.spec_from_loader(name, self) if moved else None

    def create_module(self, spec):
        return getattr(importlib.import_module(PACKAGE + "activestamp"), spec.name.split(".")[-1])

    def exec_module(self, module):
        pass


sys.meta_path.insert(0, Moved())
