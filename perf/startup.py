"""CPU time and imports of commands at their start: `python perf/startup.py`.

Each command runs in a separate process up to a point: its end, its first message of progress, or the first forward
pass of the network. Run it twice: the first run may compile modules.
"""

import contextlib
import io
import os
import resource
import subprocess
import sys
import tempfile

HEAVY = ('torch', 'torchvision', 'timm', 'brainscore_vision', 'xarray', 'pandas', 'scipy.stats', 'sklearn', 'lightning')
SCORE = ('score', 'torchvision:squeezenet1_1', 'SimulatedMouse-rdm', '--weights', 'none')
#: Command, and the point up to which it runs.
COMMANDS = (
    (('--help',), 'end'),
    (('score', '--help'), 'end'),
    (('score', 'torchvision:squezenet1_1', 'SimulatedMouse-rdm'), 'end'),
    (SCORE, 'message'),
    (SCORE, 'forward'),
    (('score', 'pixels_64', 'SimulatedMouse-rdm'), 'forward'),
)


def stop() -> None:
    """Print the CPU time and the heavy packages of this process, and end it."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    loaded = ' '.join(name for name in HEAVY if name in sys.modules)
    os.write(3, f'{1000 * (usage.ru_utime + usage.ru_stime):.0f} {loaded}'.encode())
    os._exit(0)


def run_up_to(point: str, arguments: list[str]) -> None:
    """Run a command in this process up to a point."""
    from m2m_benchmarks.cli import console, main

    if point == 'message':

        @contextlib.contextmanager
        def first_message():
            yield lambda what, done, total: stop()

        console._bars = first_message
    elif point == 'forward':
        import torch

        torch.nn.modules.module.register_module_forward_pre_hook(lambda module, inputs: stop())
    sys.argv = ['m2m', *arguments]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main.main()
        finally:
            stop()


def measured(arguments: tuple[str, ...], point: str, home: str) -> tuple[str, str]:
    """Measure the CPU time of a command up to a point, in ms, and list the heavy packages imported so far."""
    read, write = os.pipe()
    environment = {**os.environ, 'M2M_HOME': home}
    command = ['sh', '-c', f'exec "$@" 3>&{write}', 'sh', sys.executable, '-W', 'ignore', __file__, point, *arguments]
    subprocess.run(command, env=environment, pass_fds=(write,), check=True)
    os.close(write)
    with os.fdopen(read) as answer:
        milliseconds, _, loaded = answer.read().partition(' ')
    return milliseconds, loaded


if __name__ == '__main__':
    if len(sys.argv) > 1:
        run_up_to(sys.argv[1], sys.argv[2:])
    with tempfile.TemporaryDirectory() as folder:
        print(f'{"ms of CPU":>9}  {"up to":8}  command')
        for arguments, point in COMMANDS:
            milliseconds, loaded = measured(arguments, point, folder)
            print(f'{milliseconds:>9}  {point:8}  m2m {" ".join(arguments)}')
            print(f'{"":21}imports {loaded or "none of the heavy packages"}')
