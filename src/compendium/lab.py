"""JupyterLab's kernels, forked from one process: all notebooks open at once hold a third less.

An extension of Jupyter's server, which `make lab` and Binder name. What is forked has imported
libraries only: the project's own code each kernel imports itself, as the file is at that moment.
"""

from importlib.metadata import EntryPoint
from typing import Any

from jupyter_client.provisioning import KernelProvisionerFactory

from .warm import Warm, possible, provisioner

LIBRARIES = (
    "pandas",
    "matplotlib.pyplot",
    "numba",
    "scipy.optimize",
    "scipy.stats",
    "seaborn",
    "ipywidgets",
)
WARM = Warm(LIBRARIES)
Provisioner = provisioner(WARM)
_ENTRY = EntryPoint("compendium", f"{__name__}:Provisioner", KernelProvisionerFactory.GROUP_NAME)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(app: Any) -> None:
    """Have the server fork its kernels where that can be done, and encrypt what it sends them."""
    app.kernel_manager.transport_encryption = "auto"
    if possible():
        WARM.start()  # it imports while the browser loads
        factory = KernelProvisionerFactory.instance(parent=app)
        factory.provisioners[_ENTRY.name] = _ENTRY
        factory.default_provisioner_name = _ENTRY.name
