"""The command `m2m train`."""

import contextlib
import importlib.util
import math
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from m2m_benchmarks.cli.console import Json, check_json, print_line, print_text, progress, write_json
from m2m_benchmarks.errors import M2MError, TrainingError
from m2m_benchmarks.messages import say
from m2m_benchmarks.storage import ensure_writable, home


def require_training() -> None:
    """Check that lightning is installed.

    Raises
    ------
    M2MError
        When it isn't.
    """
    if importlib.util.find_spec('lightning') is None:  # importing it takes seconds
        raise M2MError(
            "training needs the package lightning, which is not installed: pip install 'm2m-benchmarks[train]'"
        )


def train(
    backbone: Annotated[
        str,
        typer.Argument(
            help='Backbone from `m2m models` without neurn_ or plain_, such as digitnet or resnet18_at32 (at 32 x 32).'
        ),
    ],
    neurn: Annotated[
        bool, typer.Option('--neurn', help='Put the NeuRN layer in front. Default: the plain twin.')
    ] = False,
    source: Annotated[
        str | None,
        typer.Option(help='Domain of digits to train on: mnist, mnist-m, svhn, usps, SklearnDigits, or your own.'),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar='imagefolder:DIR',
            help='Folder to train on instead of --source, with train/CLASS/IMAGE and val/CLASS/IMAGE.',
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help='Random seed of the untrained weights and the batches.')] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar='DIR', help='Folder of the run. Default: a new one in M2M_HOME/runs.')
    ] = None,
    resume: Annotated[
        bool,
        typer.Option('--resume', help='Continue from the last checkpoint; the result is that of an uninterrupted run.'),
    ] = False,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar='single-source|epochs',
            help='Order of images: drawn with replacement (default for --source) or shuffled epochs (for --dataset).',
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help='Number of batches to train on. Default with --source: 10,000.')
    ] = None,
    epochs: Annotated[int | None, typer.Option(help='Number of passes through the images, instead of --steps.')] = None,
    batch_size: Annotated[int, typer.Option(help='Number of images in a batch, summed over devices.')] = 32,
    lr: Annotated[float, typer.Option(help='Learning rate of Adam.')] = 1e-4,
    limit: Annotated[
        int | None,
        typer.Option(
            help='Largest number of training images. Default: the first 10,000 of --source, all of --dataset.'
        ),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="Initial weights: 'none' (untrained), 'default' (ImageNet's), or a file.")
    ] = 'none',
    early_stop: Annotated[
        int | None,
        typer.Option(
            help='Stop after this number of validations, on held-out source images, without a better accuracy.'
        ),
    ] = None,
    checkpoint_every: Annotated[
        int, typer.Option(help='Number of steps between validations, each with a checkpoint.')
    ] = 1000,
    precision: Annotated[
        str, typer.Option(help="Lightning's name of the precision: 32-true, bf16-mixed, 16-mixed, …")
    ] = '32-true',
    accelerator: Annotated[str, typer.Option(help="Lightning's name of the device type: auto, cpu, gpu, …")] = 'auto',
    devices: Annotated[str, typer.Option(help="Number or list of devices, in lightning's syntax.")] = '1',
    strategy: Annotated[
        str, typer.Option(help="Lightning's name of the strategy for several devices: auto, ddp, …")
    ] = 'auto',
    num_nodes: Annotated[int, typer.Option(help='Number of machines.')] = 1,
    workers: Annotated[int, typer.Option(help='Number of processes that load the images of --dataset.')] = 0,
    json: Json = None,
) -> None:
    """Train a network on one source domain.

    The defaults are the single-source protocol: 10,000 batches of 32, drawn with replacement from the first 10,000
    images of the source; Adam with learning rate 1e-4; the weights of the last step. Validation uses held-out images of
    the source; target domains are never used.

    \b
    Examples
    --------
      m2m train digitnet --neurn --source SklearnDigits --steps 300
      m2m train digitnet --source mnist --seed 1
      m2m score run:plain_digitnet-MNIST-seed1 Qazi2025.MNIST-accuracy
    """  # noqa: D301, D411 - \b keeps these lines from being joined
    if (source is None) == (dataset is None):
        raise typer.BadParameter('give either --source or --dataset', param_hint='--source')
    if dataset is not None and (not dataset.startswith('imagefolder:') or dataset == 'imagefolder:'):
        raise typer.BadParameter(f'expected imagefolder:DIR, got {dataset!r}', param_hint='--dataset')
    if steps is not None and epochs is not None:
        raise typer.BadParameter('give either --steps or --epochs', param_hint='--epochs')
    if neurn and backbone.startswith('plain_'):
        raise typer.BadParameter(f'{backbone} has no NeuRN; expected neurn_… or a backbone', param_hint='--neurn')
    require_training()
    ensure_writable(home())
    check_json(json)
    # On several devices, lightning starts this same command once more for each; only the first shows progress.
    bars = (
        progress('Run the same command with --resume to continue from the last checkpoint, if there is one.')
        if os.environ.get('LOCAL_RANK', '0') == '0'
        else contextlib.nullcontext(lambda what, done, total: None)
    )
    # torch.hub announces downloads on stdout, which is for results only.
    with bars as report, contextlib.redirect_stdout(sys.stderr):
        report('loading torch', 0, 1)
        settings = _settings(
            backbone if backbone.startswith(('neurn_', 'plain_')) else f'{"neurn" if neurn else "plain"}_{backbone}',
            source,
            dataset,
            steps,
            epochs,
            seed=seed,
            protocol=protocol or ('single-source' if dataset is None else 'epochs'),
            batch_size=batch_size,
            learning_rate=lr,
            limit=limit if limit is not None or dataset is not None else 10_000,
            weights=weights,
            early_stop=early_stop,
            interval=checkpoint_every,
            precision=precision,
        )
        from m2m_benchmarks.training.train import train as train_run

        report('loading torch', 1, 1)

        run = train_run(
            settings,
            out,
            resume,
            accelerator=accelerator,
            devices=devices,
            strategy=strategy,
            num_nodes=num_nodes,
            workers=workers,
            progress=report,
            log=say,
        )
    document = {'folder': str(run.folder), 'config': run.config, 'result': run.result, 'data': run.data}
    if json is not None:
        write_json(document, json)
    if json != '-':
        _print_run(run)


def _settings(
    model: str, source: str | None, dataset: str | None, steps: int | None, epochs: int | None, **others: Any
) -> Any:
    from m2m_benchmarks.training.settings import Settings
    from m2m_benchmarks.training.sources import domain_name
    from m2m_benchmarks.training.train import count_images

    name = dataset if source is None else domain_name(source)
    assert name is not None
    if steps is None and epochs is None and dataset is not None:
        epochs = 1
    if epochs is not None:
        if epochs < 1:
            raise TrainingError(f'epochs is {epochs}; expected 1 or more.')
        settings = Settings(model, name, **others)
        per_epoch = count_images(settings) / others['batch_size']
        steps = epochs * max(
            1, math.ceil(per_epoch) if others['protocol'] == 'single-source' else math.floor(per_epoch)
        )
    return Settings(model, name, **(others if steps is None else {**others, 'steps': steps}))


def _print_run(run: Any) -> None:
    from m2m_benchmarks.benchmarks.comparisons import COMPARISONS
    from m2m_benchmarks.benchmarks.identifiers import DERIVED_DIGITS, PAPER_DIGITS, DigitsIdentifier, NeuralIdentifier
    from m2m_benchmarks.data.made_here import SIMULATED_MOUSE

    result, name = run.result, run.data['name']
    early = ', stopped early' if result['stopped_early'] else ''
    print_text(f'{run.model}, {name}, seed {run.config["seed"]}: {result["steps"]:,} steps{early}')
    print_text(f'training loss, mean over the last steps: {result["train_loss"]:.4f}')
    print_text(
        f'accuracy on {run.data["n_validation"]:,} held-out images of the source: {result["validation_accuracy"]:.4f}'
    )
    print_line(str(run.folder))
    if name.startswith('imagefolder:'):
        benchmark = str(NeuralIdentifier(SIMULATED_MOUSE, None, None, next(iter(COMPARISONS))))
    else:
        collection = DERIVED_DIGITS if name == DERIVED_DIGITS else PAPER_DIGITS
        benchmark = str(DigitsIdentifier(collection, name, None, 'accuracy'))
    print_line(f'Next:  m2m score {shlex.quote(f"run:{_run_name(run.folder)}")} {benchmark}')


def _run_name(folder: Path) -> str:
    """Return the shortest name of a run for `run:`."""
    from m2m_benchmarks.scoring.runs import runs_folder

    return folder.name if folder.parent == runs_folder() else str(folder)
