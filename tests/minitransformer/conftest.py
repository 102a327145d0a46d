import shutil
import signal

import pytest
from toy_models import quick_train

# As a terminal starts a program, also where the tests are run under nohup.
if hasattr(signal, "SIGHUP"):
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run of a small `reverse`, which no test may change."""
    folder = tmp_path_factory.mktemp("runs") / "reverse"
    return quick_train(folder, steps=300, batch_size=32, train_examples=2000)


@pytest.fixture
def run_folder(trained, tmp_path):
    """A copy of that run, to be changed as one likes."""
    return shutil.copytree(trained.folder, tmp_path / "run")
