"""Train in a process that is killed at a given moment; `test_train.py` runs this script with these global variables.

home, folder : str
options : dict
    Settings of the run.
moment : str
    'step N', before that step; 'writing FILE N', before the file is renamed for the N-th time; 'written FILE N', after.
"""

import os
import signal
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
    handles, real_open, real_fsync, real_replace = [], Path.open, os.fsync, Path.replace

    def opened(self, mode='r', *arguments, **named):
        file = real_open(self, mode, *arguments, **named)
        if 'x' in mode and self.name.startswith(f'.{name}.'):
            handles.append(file.fileno())
        return file

    def fsync(handle):
        if not written and len(handles) == number and handle == handles[-1]:
            die()
        real_fsync(handle)

    def replace(self, target):
        replaced = real_replace(self, target)
        if written and len(handles) == number and Path(target).name == name:
            die()
        return replaced

    Path.open, os.fsync, Path.replace = opened, fsync, replace


event, *details = moment.split()
if event == 'step':
    at_step(int(details[0]))
else:
    at_file(details[0], int(details[1]), event == 'written')
train(Settings(**options), Path(folder), resume=True)
