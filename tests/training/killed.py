"""Train in a process of its own that is killed at a given moment; `test_train.py` runs this with the names below.

home, folder : str
options : dict
    Of the settings.
moment : str
    'step N', before that step; 'writing FILE N', when its content is there for the N-th time and its name is not;
    'written FILE N', after that.
"""

import os
import signal
import tempfile
from pathlib import Path

from m2m_benchmarks.training.module import TrainingModule
from m2m_benchmarks.training.settings import Settings
from m2m_benchmarks.training.train import train

home, folder, options, moment = (globals()[name] for name in ('home', 'folder', 'options', 'moment'))
os.environ['M2M_HOME'] = home


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def at_step(number):
    real = TrainingModule.on_train_batch_start

    def start(self, *arguments):
        if self.global_step == number - 1:
            die()
        return real(self, *arguments)

    TrainingModule.on_train_batch_start = start


def at_file(name, number, written):
    made, real_mkstemp, real_fsync, real_replace = [], tempfile.mkstemp, os.fsync, Path.replace

    def mkstemp(*arguments, **named):
        handle, path = real_mkstemp(*arguments, **named)
        if Path(path).name.startswith(f'.{name}.'):
            made.append(handle)
        return handle, path

    def fsync(handle):
        if not written and len(made) == number and handle == made[-1]:
            die()
        real_fsync(handle)

    def replace(self, target):
        found = real_replace(self, target)
        if written and len(made) == number and Path(target).name == name:
            die()
        return found

    tempfile.mkstemp, os.fsync, Path.replace = mkstemp, fsync, replace


what, *where = moment.split()
if what == 'step':
    at_step(int(where[0]))
else:
    at_file(where[0], int(where[1]), what == 'written')
train(Settings(**options), Path(folder), resume=True)
