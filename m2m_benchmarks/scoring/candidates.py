"""Candidates: Brain-Score models made from identifiers, files, plugin folders or networks."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from brainscore_vision.model_helpers.brain_transformation import ModelCommitment
from brainscore_vision.model_interface import BrainModel
from torch import nn
from torch.nn.parameter import is_lazy

from m2m_benchmarks import plugins
from m2m_benchmarks.errors import M2MError, ModelError
from m2m_benchmarks.models.neurn import model as family
from m2m_benchmarks.models.neurn.downloads import cached_file, loading, timm_url
from m2m_benchmarks.records.record import MOUSE_ACUITY
from m2m_benchmarks.scoring import brainscore_adapter, source_files
from m2m_benchmarks.scoring.candidate import Candidate
from m2m_benchmarks.scoring.inputs import NetworkInput, network_input
from m2m_benchmarks.scoring.layers import (
    default_layers,
    does_not_fit,
    input_dtype,
    is_out_of_memory,
    responses,
    submodules,
)
from m2m_benchmarks.scoring.options import NetworkOptions, check_options, check_seed
from m2m_benchmarks.scoring.own_modules import OwnModules
from m2m_benchmarks.scoring.plugin_folders import import_folder
from m2m_benchmarks.scoring.provenance import COLOURED, code_of_function
from m2m_benchmarks.scoring.runs import Run, find_run, read_run, weights_file
from m2m_benchmarks.scoring.specs import RUN, CandidateSpec, check_candidate, is_folder, run_of_weights
from m2m_benchmarks.scoring.weights import apply_weights, read_checkpoint, read_weights
from m2m_benchmarks.storage import sha256_file, unchanged

VISUAL_DEGREES = 8


def load_candidate(
    model: str | Path | BrainModel | nn.Module,
    weights: str | Path = 'default',
    seed: int = 0,
    image_size: int | None = None,
    *,
    name: str | None = None,
    preprocessing: Callable[[Any], Any] | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    channels: int | None = None,
    layers: Sequence[str] | None = None,
    batch_size: int | None = None,
    device: str | None = None,
    mouse_acuity: bool = False,
) -> Candidate:
    """Load a model as a candidate.

    Parameters
    ----------
    model : str, Path, BrainModel or nn.Module
        A registered identifier; `torchvision:NAME` or `timm:NAME`; `FILE.py:FUNCTION`, a function of the user's that
        makes a network; `run:PATH`, the folder of a training run; the path of a plugin folder; a Brain-Score model; or
        a network.
    weights : 'default', 'none' or a file
        'default': those that the model comes with (its library downloads them if necessary). Those of torchvision, timm
        and the family are read without running code, and refused where they differ from the hash in their file's name;
        Brain-Score's models load theirs as they like. 'none': untrained, from `seed`; for `torchvision:`, `timm:` and
        the family `neurn_…`, `plain_…`. A .pth or .safetensors file holds a state dict; a folder is that of a training
        run.
    seed : int
        Random seed of untrained weights.
    image_size, name, preprocessing, mean, std, channels, layers, batch_size, device
        Options of a network, of `FILE.py:FUNCTION`, `torchvision:NAME` and `timm:NAME`; see `options.NetworkOptions`.
        Other models define theirs.
    mouse_acuity : bool
        Whether it sees stimuli as a mouse's eye passes them on (`arrays.acuity.low_pass`), before its preprocessing.
        Its identifier then ends in `+mouse_acuity`.

    Raises
    ------
    UnknownNameError
        When there is no model of that name; the message lists the nearest names.
    ModelError
        When the model can't be built, the weights don't fit, or an option is invalid.
    """
    seed = check_seed(seed)
    options = NetworkOptions(name, preprocessing, mean, std, channels, image_size, layers, batch_size, device)
    with brainscore_adapter.own_probe_image():
        candidate = _load(model, weights, seed, options)
    if mouse_acuity:
        candidate.identifier += MOUSE_ACUITY
        candidate.mouse_acuity = True
    return candidate


def _load(
    model: str | Path | BrainModel | nn.Module, weights: str | Path, seed: int, options: NetworkOptions
) -> Candidate:
    if isinstance(model, BrainModel | nn.Module):
        if isinstance(model, BrainModel):
            identifier = str(getattr(model, 'identifier', None) or type(model).__name__)
            check_options(identifier, options)
            return _with_weights(Candidate(identifier, model, is_object=True), weights)
        return _from_network(type(model).__name__, model, weights, options)
    if not isinstance(model, str | Path):
        kind = f'the class {model.__name__}' if isinstance(model, type) else f'a {type(model).__name__}'
        raise ModelError(
            f'{kind} is not a model; expected a name, a network (an instance of torch.nn.Module) or a model of '
            'Brain-Score.'
        )
    # A Path has lost the ./ that makes a text a path.
    text = f'./{model}' if isinstance(model, Path) and not model.is_absolute() else str(model)
    spec = CandidateSpec(text, str(weights), options)
    check_candidate(spec)
    if source_files.split(spec.name) is not None:
        return _from_file(spec, seed)
    if spec.name.startswith(RUN):
        return _from_run(read_run(find_run(spec.name.removeprefix(RUN))))
    if is_folder(spec.name):
        return _with_weights(_from_folder(Path(spec.name)), spec.weights)
    library, colon, model_name = spec.name.partition(':')
    return _LIBRARIES[library](model_name, spec, seed) if colon else _from_registry(spec, seed)


def _from_network(identifier: str, network: nn.Module, weights: str | Path, options: NetworkOptions) -> Candidate:
    _check_values(network, identifier)
    if str(weights) == 'none':
        raise _not_untrained(identifier)
    origin = 'its own'
    if str(weights) != 'default':
        origin, _ = _load_file(network, weights_file(find_run(str(weights))), identifier)
    candidate = _candidate(identifier, network, network_input(options), options)
    candidate.weights = origin
    return candidate


def _check_values(network: nn.Module, identifier: str) -> None:
    """Check that a network has the values of its parameters.

    Raises
    ------
    ModelError
        When it is on the device meta, or has lazy layers that have not run.
    """
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    for name, tensor in tensors.items():
        if is_lazy(tensor):
            raise ModelError(
                f'{identifier} has lazy layers without weights, such as {name}. Run it on an image before, such as '
                'network(torch.zeros(1, 3, 224, 224)).'
            )
        if tensor.is_meta:
            raise ModelError(
                f'{identifier} is on the device meta: {name} has no values. Load its weights before, with '
                'network.to_empty(device="cpu") and network.load_state_dict(...).'
            )


def _from_file(spec: CandidateSpec, seed: int) -> Candidate:
    """Run a file of the user's, and call the function in it that makes a network."""
    parts = source_files.split(spec.name)
    assert parts is not None
    identifier = f'{parts[0].name}:{parts[1]}'
    dtype = torch.get_default_dtype()
    with contextlib.ExitStack() as stack:
        try:
            with (
                plugins.reporting_exits(identifier, ModelError),
                plugins.reporting_plugin_errors(identifier, ModelError),
                torch.random.fork_rng([]),
            ):
                torch.manual_seed(seed)
                running = stack.enter_context(source_files.Running(spec.name))
                made = running.value
                network = made if isinstance(made, nn.Module) else made()
        finally:
            torch.set_default_dtype(dtype)  # the file may change it, and with it the candidates after this one
        if not isinstance(network, nn.Module):
            raise ModelError(f'{identifier} makes a {type(network).__name__}; expected a network (torch.nn.Module).')
        # The network is run to find its layers, and may import further modules, which the hash covers.
        candidate = _from_network(identifier, network, spec.weights, spec.options)
        candidate.source_sha256 = running.sha256
    return candidate


def _from_registry(spec: CandidateSpec, seed: int) -> Candidate:
    folder = _plugin_folder(spec.name)
    if spec.weights == 'none':
        model = plugins.load_model(spec.name, weights='none', seed=seed)
        return Candidate(spec.name, model, f'none (seed {seed})', None, 'none', seed, folder, {})
    if not plugins.takes_weights(spec.name):
        # This library's models without weights are determined by their code. Brain-Score's load theirs as they like:
        # unpickled in full, and without a hash.
        files: dict[str, str] | None = {} if spec.name in plugins.registered('model') else None
        candidate = Candidate(spec.name, plugins.load_model(spec.name), folder=folder, files=files)
        return _with_weights(candidate, spec.weights)
    if spec.weights == 'default':
        model, variant = plugins.load_model(spec.name), family.parse(spec.name)
        candidate = Candidate(spec.name, model, 'default', folder=folder)
        if variant is not None:
            candidate.training_set = variant.row.weights or None
            if variant.row.library == 'torchvision':
                candidate.files = _hub_files(str(family.weights_url(variant.row)))
        return candidate
    run = run_of_weights(spec)
    if run is not None:
        return _from_run(run)
    # The file replaces all weights, so none are downloaded.
    model = plugins.load_model(spec.name, weights='none')
    return _with_weights(Candidate(spec.name, model, folder=folder, files={}), spec.weights)


def _plugin_folder(identifier: str) -> Path | None:
    """Folder of a model's plugin; for a variant of the family, the family's folder."""
    plugin = plugins.registered('model').get(identifier)
    library = plugins.OWN if plugin is not None else plugins.BRAIN_SCORE
    plugin = plugin or plugins.registered('model', library).get(identifier)
    name = 'neurn' if plugin is None or plugin.folder == 'baselines' else plugin.folder
    folder = plugins.plugins_folder(plugins.OWN if plugin is None else library, 'models')
    return None if folder is None else folder / name


def _hub_files(url: str) -> dict[str, str] | None:
    """Path and SHA-256 of the file that PyTorch downloaded from an address; None where it is missing."""
    path = cached_file(url)
    return None if path is None else {str(path): sha256_file(path)}


@contextlib.contextmanager
def _loading(url: str | None) -> Iterator[None]:
    """Load default weights from an address in the block, checked and without running code; see `downloads.loading`."""
    if url is None:
        yield
        return
    with plugins.reporting_name_errors(), loading(url):
        yield


def _from_run(run: Run) -> Candidate:
    """Load the network that a run trained."""
    network = family.network(run.model, 'none', n_classes=len(run.classes))
    with unchanged([run.weights]):
        apply_weights(network, read_weights(run.weights), run.weights, run.model)
        name, sha256 = run.folder.resolve().name, sha256_file(run.weights)
    model = family.as_brain_model(run.model, network, f'{run.model}-{sha256[:12]}', run.classes)
    source, seed = run.data['name'], run.config['seed']
    return Candidate(
        run.model,
        model,
        f'run {name}: {source}, seed {seed} (SHA-256 {sha256})',
        run,
        source,
        seed,
        _plugin_folder(run.model),
        {},
    )


def _with_weights(candidate: Candidate, weights: str | Path) -> Candidate:
    """Load weights into a model that has brought its own."""
    if str(weights) == 'default':
        return candidate
    if str(weights) == 'none':
        raise _not_untrained(candidate.identifier)
    if candidate.module is None:
        raise ModelError(
            f'{candidate.identifier} is not a PyTorch network, so a weights file cannot be loaded into it.'
        )
    path = weights_file(find_run(str(weights)))
    candidate.weights, left_out = _load_file(candidate.module, path, candidate.identifier)
    if left_out and candidate.known_layers:
        candidate._layers = [layer for layer in candidate.layers if layer not in left_out]
    return candidate


def _not_untrained(identifier: str) -> ModelError:
    return ModelError(
        f'{identifier} brings its own weights; --weights none is for neurn_…, plain_…, torchvision:NAME and timm:NAME.'
    )


def _load_file(network: nn.Module, path: Path, identifier: str) -> tuple[str, list[str]]:
    """Load the weights in a file; return a description of their origin, and the parts that were left out."""
    with unchanged([path]):
        state, origin = read_checkpoint(path)
        sha256 = sha256_file(path)
    left_out = apply_weights(network, state, path, identifier)
    facts = [f'SHA-256 {sha256}', origin, f'without {", ".join(left_out)}' if left_out else '']
    return f'file {path.name} ({"; ".join(fact for fact in facts if fact)})', left_out


def _candidate(identifier: str, network: nn.Module, source: NetworkInput, options: NetworkOptions) -> Candidate:
    """Wrap a network for Brain-Score, with its blocks as layers or those that the user names."""
    identifier = options.name or identifier
    wrapper = brainscore_adapter.wrap(
        identifier, network, source.preprocess, source.image_size, options.batch_size, options.device
    )
    shape: tuple[int, ...] = ()
    try:
        sample = torch.zeros_like(torch.as_tensor(source.preprocess([str(COLOURED)])))
        shape = tuple(sample.shape[1:])
        sample = sample.to(brainscore_adapter.device_of(wrapper), input_dtype(network, sample.dtype))
        if options.layers is None:
            layers = default_layers(network, sample)
        else:
            layers = list(options.layers)
            responses(network, sample, submodules(network, layers, identifier), {})
    except M2MError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise does_not_fit(identifier, shape, brainscore_adapter.device_of(wrapper)) from error
        lines = str(error).strip().splitlines()
        raise ModelError(
            f'{identifier} cannot be run on an image of {" x ".join(map(str, shape))}: {type(error).__name__}: '
            f'{lines[0] if lines else ""}. Its input can be set: channels (1 for grey), image_size, or preprocessing.'
        ) from error
    model = ModelCommitment(
        identifier=identifier,
        activations_model=wrapper,
        layers=layers,
        region_layer_map={},
        visual_degrees=VISUAL_DEGREES,
    )
    batches = '' if options.batch_size is None else f'; at most {options.batch_size} images in a forward pass'
    preprocessing = None if options.preprocessing is None else code_of_function(options.preprocessing)
    return Candidate(
        identifier,
        model,
        input=f'{source.text}{batches}',
        preprocessing_sha256=preprocessing,
        batch_size=options.batch_size,
    )


def _from_torchvision(name: str, spec: CandidateSpec, seed: int) -> Candidate:
    import torchvision

    default = torchvision.models.get_model_weights(name).DEFAULT
    preset = default.transforms()
    with plugins.reporting_plugin_errors(spec.name, ModelError):
        torch.manual_seed(seed)
        chosen = default if spec.weights == 'default' else None
        # GoogLeNet and Inception warn without `init_weights`, and need their auxiliary heads for the official weights.
        # These expect another normalisation than the preset's, and convert it; so must the same weights from a file.
        converts = chosen is None and name in ('googlenet', 'inception_v3')
        options: dict[str, Any] = {'init_weights': True, 'transform_input': True} if converts else {}
        try:
            with _loading(chosen and chosen.url):
                module = torchvision.models.get_model(name, weights=chosen, **options)
        except Exception as error:
            if chosen is not None:  # downloaders rarely name the address
                error.add_note(f'Its weights are downloaded from {chosen.url}')
            raise
    candidate = _build(spec, module, seed, preset.crop_size[0], preset.mean, preset.std)
    if chosen is not None:
        candidate.training_set, candidate.files = chosen.name, _hub_files(chosen.url)
    return candidate


def _from_timm(name: str, spec: CandidateSpec, seed: int) -> Candidate:
    import timm

    with plugins.reporting_plugin_errors(spec.name, ModelError):
        torch.manual_seed(seed)
        with _loading(timm_url(name) if spec.weights == 'default' else None):
            module = timm.create_model(name, pretrained=spec.weights == 'default')
    config = timm.data.resolve_model_data_config(module)
    candidate = _build(spec, module, seed, config['input_size'][-1], config['mean'], config['std'])
    if spec.weights == 'default':  # a name on a server, where the file may change
        candidate.training_set, candidate.files = getattr(timm.get_pretrained_cfg(name), 'tag', None), None
    return candidate


def _build(
    spec: CandidateSpec,
    module: nn.Module,
    seed: int,
    image_size: int,
    mean: Sequence[float],
    std: Sequence[float],
) -> Candidate:
    untrained = spec.weights == 'none'
    if spec.weights == 'default':
        origin = 'default'
    elif untrained:
        origin = f'none (seed {seed})'
    else:
        origin, _ = _load_file(module, weights_file(find_run(spec.weights)), spec.name)
    candidate = _candidate(spec.name, module, network_input(spec.options, image_size, mean, std), spec.options)
    candidate.weights, candidate.files = origin, {}
    if untrained:
        candidate.training_set, candidate.seed = 'none', seed
    return candidate


_LIBRARIES = {'torchvision': _from_torchvision, 'timm': _from_timm}


def _from_folder(folder: Path) -> Candidate:
    """Import a model plugin from its folder and build the one model that it registers."""
    identifier = plugins.model_in(folder)
    import brainscore_vision

    registry = brainscore_vision.model_registry
    before = registry.get(identifier)
    try:
        with (
            plugins.reporting_plugin_errors(str(folder), ModelError),
            unchanged(folder.rglob('*.py')),
            OwnModules(str(folder)) as modules,
        ):
            import_folder(folder, modules)
            candidate = Candidate(identifier, registry[identifier](), folder=folder)
            candidate.source_sha256 = modules.sha256(folder.resolve(), inside=False)
            assert candidate.code_sha256 is not None  # computed now, and kept
            return candidate
    finally:
        if before is not None:  # the model registered before keeps its name
            registry[identifier] = before
