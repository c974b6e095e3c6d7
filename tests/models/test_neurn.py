"""The NeuRN layer against a slow reference in float64."""

import gzip
import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.ndimage import distance_transform_edt, maximum_filter
from sklearn.datasets import load_sample_images
from torch.nn import functional
from torch.testing import assert_close

from m2m_benchmarks.models.neurn.neurn import NeuRN

KERNELS = [3, 5, 7]
PADDINGS = ['edge', 'zero', 'reflect']
SCOPES = ['image', 'channel']
HALVES = [torch.float16, torch.bfloat16]

#: Training images of MNIST that show 0 to 9.
MNIST_DIGITS = [1, 3, 5, 7, 2, 0, 13, 15, 17, 4]

PROPERTY = settings(max_examples=60, deadline=None)


def reference(images, kernel_size=3, padding='edge', scope='image'):
    """Standard deviations of all windows over their maximum, from the definition, in float64."""
    half = kernel_size // 2
    mode = {'edge': 'edge', 'zero': 'constant', 'reflect': 'reflect'}[padding]
    images = images.double().numpy()
    padded = np.pad(images, [(0, 0), (0, 0), (half, half), (half, half)], mode=mode)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel_size, kernel_size), axis=(2, 3))
    deviation = windows.std(axis=(4, 5))
    return torch.tensor(deviation / deviation.max(axis=(1, 2, 3) if scope == 'image' else (2, 3), keepdims=True))


def naive(images, kernel_size=3):
    """Mean of squares less squared mean, in the type of the images."""
    half = kernel_size // 2
    padded = functional.pad(images, [half] * 4, mode='replicate')
    mean = functional.avg_pool2d(padded, kernel_size, 1)
    deviation = (functional.avg_pool2d(padded**2, kernel_size, 1) - mean**2).clamp_min(0).sqrt()
    return deviation / deviation.amax([1, 2, 3], keepdim=True)


def random_images(seed=0, shape=(2, 3, 24, 31), dtype=torch.float32):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def ripples(level, contrast, dtype=torch.float32):
    """Noise around a level, with a step of the same size in the middle."""
    noise = torch.randn((2, 3, 40, 33), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    noise[..., 17:] += 1
    return (level + contrast * noise).to(dtype)


def largest_error(output, expected):
    return float((output.double() - expected).abs().nan_to_num(nan=torch.inf).max())


@pytest.fixture(scope='module')
def photos():
    """Four crops of two photos, one of them with a blurred background."""
    crops = [
        image[top : top + 96, left : left + 120]
        for image in load_sample_images().images
        for top, left in ((30, 20), (300, 400))
    ]
    return torch.tensor(np.stack(crops)).permute(0, 3, 1, 2) / 255


@pytest.mark.parametrize('scope', SCOPES)
@pytest.mark.parametrize('padding', PADDINGS)
@pytest.mark.parametrize('kernel_size', KERNELS)
class TestReference:
    def test_random_images(self, kernel_size, padding, scope):
        images = random_images(0)
        images[0, 1] *= 0.1  # channels of different contrast, so that the scopes differ
        expected = reference(images, kernel_size, padding, scope)
        layer = NeuRN(kernel_size, padding, scope)
        output = layer(images)
        assert output.dtype == torch.float32
        assert_close(output.double(), expected, rtol=0, atol=1e-5)
        assert_close(layer(images.double()), expected, rtol=0, atol=1e-9)

    @pytest.mark.seconds
    def test_photos(self, photos, kernel_size, padding, scope):
        expected = reference(photos, kernel_size, padding, scope)
        layer = NeuRN(kernel_size, padding, scope)
        assert_close(layer(photos).double(), expected, rtol=0, atol=1e-5)
        assert_close(layer(photos.double()), expected, rtol=0, atol=1e-9)

    def test_images_as_small_as_the_kernel(self, kernel_size, padding, scope):
        images = random_images(1, (2, 1, kernel_size, kernel_size))
        output = NeuRN(kernel_size, padding, scope)(images)
        assert_close(output.double(), reference(images, kernel_size, padding, scope), rtol=0, atol=1e-5)

    @pytest.mark.several
    def test_gradients(self, kernel_size, padding, scope):
        images = random_images(2, (1, 2, kernel_size, kernel_size), torch.float64).requires_grad_()
        assert torch.autograd.gradcheck(NeuRN(kernel_size, padding, scope), images)


@pytest.mark.shared
@pytest.mark.parametrize('kernel_size', KERNELS)
@pytest.mark.seconds
def test_natural_scenes(shared, kernel_size):
    for number in (0, 40, 80, 117):
        with Image.open(shared / 'allen' / 'stimuli' / f'scene_{number:03}.png') as file:
            scene = torch.tensor(np.array(file.convert('L')))[None, None, 300:700, 400:900] / 255
        assert_close(NeuRN(kernel_size)(scene).double(), reference(scene, kernel_size), rtol=0, atol=1e-5)


def test_the_defaults_are_3_edge_image():
    images = random_images(3)
    assert torch.equal(NeuRN()(images), NeuRN(3, 'edge', 'image')(images))
    assert repr(NeuRN(5, 'zero', 'channel', 0.1)) == "NeuRN(kernel_size=5, padding='zero', scope='channel', eps=0.1)"


class TestKnownOutputs:
    @pytest.mark.parametrize('dtype', [torch.float32, torch.float64, *HALVES])
    @pytest.mark.parametrize('height', [1e-3, 1.0, 250.0])
    def test_a_step_becomes_two_ridges(self, height, dtype):
        # A share p of the window lies beyond the step: its deviation is the height times sqrt(p (1 - p)).
        images = torch.zeros((1, 2, 9, 12), dtype=dtype)
        images[..., 6:] = height
        expected = torch.zeros(12, dtype=dtype)
        expected[5:7] = 1
        assert_close(NeuRN(3)(images), expected.expand(1, 2, 9, 12))
        expected[[4, 7]] = (0.2 * 0.8) ** 0.5 / (0.4 * 0.6) ** 0.5
        assert_close(NeuRN(5)(images), expected.expand(1, 2, 9, 12))

    @pytest.mark.parametrize('padding', ['edge', 'reflect'])
    def test_constant_halves_are_exactly_zero(self, padding):
        images = torch.full((1, 3, 9, 12), 0.3)
        images[..., 6:] = 0.7
        images.requires_grad_()
        output = NeuRN(3, padding)(images)
        assert (output[..., :5] == 0).all() and (output[..., 7:] == 0).all()
        output.pow(2).sum().backward()
        assert images.grad.isfinite().all()

    @pytest.mark.parametrize('scope', SCOPES)
    @pytest.mark.parametrize('padding', ['edge', 'reflect'])
    @pytest.mark.parametrize('kernel_size', KERNELS)
    @pytest.mark.parametrize('dtype', [torch.float32, torch.float64, *HALVES])
    @pytest.mark.parametrize('level', [0, 0.3, 200.7, -1e4])
    @pytest.mark.seconds
    def test_constant_images_give_zeros(self, level, dtype, kernel_size, padding, scope):
        images = torch.full((2, 3, 9, 8), level, dtype=dtype, requires_grad=True)
        output = NeuRN(kernel_size, padding, scope)(images)
        assert (output == 0).all()
        output.sum().backward()
        assert (images.grad == 0).all()

    def test_a_constant_image_with_a_zero_border_is_its_border(self):
        images = torch.full((1, 1, 6, 6), 0.3, requires_grad=True)
        output = NeuRN(padding='zero')(images)
        assert (output[..., 1:-1, 1:-1] == 0).all()
        # Of the nine pixels, five lie outside at a corner, three at an edge: sqrt(5/9 4/9) and sqrt(3/9 6/9).
        assert_close(output[0, 0, 0, :2], torch.tensor([1, (18 / 20) ** 0.5]))
        output.pow(2).sum().backward()
        assert images.grad.isfinite().all()

    @pytest.mark.parametrize('scope', SCOPES)
    def test_one_constant_channel(self, scope):
        images = random_images(4)
        images[:, 1] = 0.3
        images.requires_grad_()
        output = NeuRN(scope=scope)(images)
        assert (output[:, 1] == 0).all()
        if scope == 'channel':
            assert (output[:, [0, 2]].amax([2, 3]) == 1).all()
        output.pow(2).sum().backward()
        assert images.grad.isfinite().all()
        assert (images.grad[:, 1] == 0).all()

    def test_one_constant_image_of_a_batch(self):
        images = random_images(5)
        images[1] = 0.3
        output = NeuRN()(images)
        assert (output[1] == 0).all()
        assert output[0].max() == 1

    @pytest.mark.parametrize('scope', SCOPES)
    @pytest.mark.parametrize('padding', PADDINGS)
    def test_contrast_below_eps_is_not_stretched(self, padding, scope):
        images = random_images(6) * 1e-3
        deviation = NeuRN(padding=padding, scope=scope, eps=10)(images) * 10
        faint = NeuRN(padding=padding, scope=scope, eps=1)(images)
        assert faint.max() < 1e-3
        assert_close(faint, deviation)
        assert_close(
            faint / faint.amax([1, 2, 3] if scope == 'image' else [2, 3], keepdim=True),
            NeuRN(padding=padding, scope=scope)(images),
        )


class TestPrecision:
    @pytest.mark.parametrize('kernel_size', KERNELS)
    @pytest.mark.parametrize('contrast', [0.01, 0.1, 1.0])
    @pytest.mark.parametrize('level', [100.0, 1e4])
    def test_images_far_from_zero(self, level, contrast, kernel_size):
        images = ripples(level, contrast)
        expected = reference(images, kernel_size)
        assert largest_error(NeuRN(kernel_size)(images), expected) < 1e-5
        assert largest_error(NeuRN(kernel_size)(images.double()), expected) < 1e-9

    @pytest.mark.parametrize('contrast', [0.01, 0.1, 1.0])
    def test_where_the_squares_would_cancel(self, contrast):
        images = ripples(1e4, contrast)
        assert largest_error(naive(images), reference(images)) > 0.1
        assert largest_error(naive(images.double()), reference(images)) < 1e-3

    def test_faint_ripples_beside_a_bright_edge(self):
        # A single level for the image would not help here.
        images = ripples(1e4, 0.1)
        images[..., :20, :] -= 1e4
        expected = reference(images)
        output = NeuRN()(images).double()
        constant = torch.ones(40, dtype=torch.bool)
        constant[18:22] = False
        relative = (output / expected - 1)[..., constant, :]
        assert relative.abs().max() < 1e-4

    @pytest.mark.parametrize('scope', SCOPES)
    @pytest.mark.parametrize('padding', PADDINGS)
    @pytest.mark.parametrize('dtype', HALVES)
    @pytest.mark.parametrize(('level', 'contrast'), [(0, 1), (200, 2)])
    @pytest.mark.seconds
    def test_half_precision(self, level, contrast, dtype, padding, scope):
        images = ripples(level, contrast, dtype)
        layer = NeuRN(3, padding, scope)
        output = layer(images)
        assert output.dtype == dtype
        assert torch.equal(output, layer(images.float()).to(dtype))
        # The spacing of numbers below 1 is half of that above, and rounding is off by at most half of that.
        assert largest_error(output, reference(images, 3, padding, scope)) < torch.finfo(dtype).eps / 4 + 1e-5

    @pytest.mark.parametrize('dtype', HALVES)
    def test_where_half_precision_would_not_do(self, dtype):
        images = ripples(200, 2, dtype)
        assert largest_error(naive(images), reference(images)) > 0.1

    @pytest.mark.parametrize('dtype', HALVES)
    def test_gradients_of_half_precision(self, dtype):
        images = ripples(0, 1, dtype).requires_grad_()
        wide = images.detach().float().requires_grad_()
        NeuRN()(images).sum().backward()
        NeuRN()(wide).sum().backward()
        assert images.grad.dtype == dtype
        assert_close(images.grad, wide.grad.to(dtype))


@st.composite
def pictures(draw):
    """Images of 8 bits in float64, constant ones and single bright pixels among them, and a kernel that fits."""
    kernel_size = draw(st.sampled_from(KERNELS))
    side = st.integers(kernel_size, 12)
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 3), side, side))
    fill = st.just(0) if draw(st.booleans()) else st.nothing()
    return torch.tensor(draw(arrays(np.uint8, shape, fill=fill))).double() / 255, kernel_size


scopes = st.sampled_from(SCOPES)
paddings = st.sampled_from(PADDINGS)
#: Faint images times 0.001 would come near the default.
TINY = 1e-12


class TestProperties:
    @pytest.mark.seconds
    @PROPERTY
    @given(picture=pictures(), padding=paddings, scope=scopes)
    def test_from_zero_to_one(self, picture, padding, scope):
        images, kernel_size = picture
        dims = [1, 2, 3] if scope == 'image' else [2, 3]
        for dtype in (torch.float64, torch.float32, *HALVES):
            images = images.to(dtype)
            output = NeuRN(kernel_size, padding, scope)(images)
            assert output.shape == images.shape
            assert output.dtype == dtype
            assert (output >= 0).all() and (output <= 1).all()
            # Beyond the border of a constant image lies another value only with zero padding.
            constant = (images == 0 if padding == 'zero' else images == images[..., :1, :1]).all(-1).all(-1)
            constant = constant.all(1) if scope == 'image' else constant
            assert torch.equal(output.amax(dims), (~constant).to(dtype))

    @pytest.mark.seconds
    @PROPERTY
    @given(
        picture=pictures(),
        padding=paddings,
        scope=scopes,
        exponent=st.floats(-3, 3),
        level=st.floats(-1e3, 1e3),
    )
    def test_scale_and_level_do_not_matter(self, picture, padding, scope, exponent, level):
        images, kernel_size = picture
        dims = [1, 2, 3] if scope == 'image' else [2, 3]
        scale = 10**exponent
        if padding == 'zero':
            level = 0  # The border has another level.
        layer = NeuRN(kernel_size, padding, scope, TINY)
        largest = 1e6 * NeuRN(kernel_size, padding, scope, 1e6)(images).amax(dims, keepdim=True)
        # In float32, levels up to ten times the scale: beyond, the image itself is lost in its rounding.
        for dtype, tolerance, moved in ((torch.float64, 1e-12, level), (torch.float32, 5e-6, level * scale / 100)):
            images = images.to(dtype)
            # The rounding error of a x + b.
            tolerances = tolerance + 8 * torch.finfo(dtype).eps * (1 + abs(moved / scale)) / largest
            difference = (layer(scale * images + moved) - layer(images)).abs()
            assert (difference <= tolerances).all()

    @pytest.mark.seconds
    @PROPERTY
    @given(
        picture=pictures(),
        padding=st.sampled_from(['edge', 'reflect']),
        scope=scopes,
        scale=st.sampled_from([1 / 256, 0.5, 1, 8]),
        level=st.integers(-50, 50).map(lambda level: 256 * level),
    )
    def test_an_exact_scale_and_level_change_nothing_in_float32(self, picture, padding, scope, scale, level):
        images, kernel_size = picture
        images = (images * 255).round().float()
        layer = NeuRN(kernel_size, padding, scope, TINY)
        moved = (images + level) * scale
        assert torch.equal(moved / scale - level, images)
        assert_close(layer(moved), layer(images), rtol=0, atol=5e-6)

    @PROPERTY
    @given(picture=pictures(), padding=paddings, scope=scopes, turns=st.integers(0, 3), flip=st.booleans())
    @pytest.mark.seconds
    def test_turns_and_flips_with_the_image(self, picture, padding, scope, turns, flip):
        def move(images):
            images = torch.rot90(images, turns, (2, 3))
            return images.flip(3) if flip else images

        images, kernel_size = picture
        layer = NeuRN(kernel_size, padding, scope)
        assert_close(layer(move(images)), move(layer(images)), rtol=0, atol=1e-13)
        images = images.float()
        assert_close(layer(move(images)), move(layer(images)), rtol=0, atol=5e-6)

    @PROPERTY
    @given(picture=pictures(), padding=paddings)
    @pytest.mark.seconds
    def test_channels_alone_under_scope_channel(self, picture, padding):
        images, kernel_size = picture
        output = NeuRN(kernel_size, padding, 'channel')(images)
        layer = NeuRN(kernel_size, padding)
        for channel in range(images.shape[1]):
            assert_close(output[:, [channel]], layer(images[:, [channel]]), rtol=0, atol=1e-14)

    @pytest.mark.parametrize('scope', SCOPES)
    # A batch is taken an image at a time, sixteen at a time with four left over, and all at once.
    @pytest.mark.parametrize('shape', [(3, 3, 224, 224), (20, 3, 64, 64), (5, 3, 10, 11)])
    @pytest.mark.seconds
    def test_images_of_a_batch_do_not_know_each_other(self, shape, scope):
        scales = torch.logspace(-2, 2, shape[0])[:, None, None, None]
        images = (scales * random_images(7, shape)).requires_grad_()
        output = NeuRN(scope=scope)(images)
        output.sum().backward()
        for number in range(shape[0]):
            image = images[[number]].detach().requires_grad_()
            alone = NeuRN(scope=scope)(image)
            assert_close(output[[number]], alone, rtol=0, atol=1e-6)
            alone.sum().backward()
            assert_close(images.grad[[number]], image.grad, rtol=1e-4, atol=1e-6)


class TestLayouts:
    # The larger batch is processed in chunks.
    @pytest.mark.parametrize('shape', [(4, 3, 12, 17), (20, 3, 64, 64)])
    @pytest.mark.parametrize('padding', PADDINGS)
    @pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
    def test_channels_last(self, dtype, padding, shape):
        images = random_images(8, shape, dtype)
        layer = NeuRN(padding=padding)
        output = layer(images.to(memory_format=torch.channels_last))
        assert output.is_contiguous(memory_format=torch.channels_last)
        assert_close(output, layer(images), rtol=0, atol=1e-6)
        assert layer(images).is_contiguous()

    @pytest.mark.parametrize(
        'view',
        [
            lambda images: images[..., ::2],
            lambda images: images.transpose(2, 3),
            lambda images: images[1:, 1:, 3:, 5:],
            lambda images: images[:, :1].expand(-1, 3, -1, -1),
        ],
    )
    def test_views(self, view):
        images = view(random_images(9))
        assert not images.is_contiguous()
        before = images.clone()
        assert_close(NeuRN()(images), NeuRN()(images.contiguous()), rtol=0, atol=1e-6)
        assert torch.equal(images, before)

    def test_one_image(self):
        images = random_images(10)
        output = NeuRN()(images[0])
        assert output.shape == images[0].shape
        assert_close(output, NeuRN()(images)[0], rtol=0, atol=1e-6)

    def test_no_images(self):
        assert NeuRN()(torch.zeros(0, 3, 8, 9)).shape == (0, 3, 8, 9)

    def test_nothing_to_train_or_to_load(self):
        assert list(NeuRN().parameters()) == []
        assert NeuRN().state_dict() == {}

    def test_saved_and_loaded(self):
        file = io.BytesIO()
        torch.save(NeuRN(5, 'zero', 'channel', 0.1), file)
        file.seek(0)
        loaded = torch.load(file, weights_only=False)
        assert repr(loaded) == repr(NeuRN(5, 'zero', 'channel', 0.1))


@pytest.mark.parametrize('scope', SCOPES)
@pytest.mark.parametrize('padding', PADDINGS)
class TestCompilers:
    @pytest.mark.filterwarnings('ignore:.torch.jit.script. is deprecated:FutureWarning')
    @pytest.mark.seconds
    def test_script(self, padding, scope):
        layer = NeuRN(5, padding, scope)
        scripted = torch.jit.script(layer)
        for images in (random_images(11), random_images(12, (3, 3, 224, 224)), random_images(13)[0]):
            assert_close(scripted(images), layer(images), rtol=0, atol=1e-6)

    @pytest.mark.seconds
    @pytest.mark.several
    @pytest.mark.slow
    def test_compile(self, padding, scope):
        torch._dynamo.reset()  # It compiles a function for eight layers and no more.
        layer = NeuRN(5, padding, scope)
        compiled = torch.compile(layer, backend='eager', fullgraph=True)
        for images in (random_images(14), random_images(15, (3, 1, 20, 15)), random_images(16)[0]):
            assert_close(compiled(images), layer(images), rtol=0, atol=1e-6)

    @pytest.mark.seconds
    @pytest.mark.slow
    def test_onnx(self, padding, scope):
        for name in ('onnx', 'onnxscript'):
            pytest.importorskip(name)
        onnxruntime = pytest.importorskip('onnxruntime')
        layer = NeuRN(5, padding, scope).eval()
        sizes = {0: torch.export.Dim('n'), 2: torch.export.Dim('h', min=8), 3: torch.export.Dim('w', min=8)}
        program = torch.onnx.export(
            layer, (random_images(17),), dynamo=True, dynamic_shapes={'images': sizes}, verbose=False
        )
        file = io.BytesIO()
        program.save(file)
        session = onnxruntime.InferenceSession(file.getvalue(), providers=['CPUExecutionProvider'])
        for images in (random_images(17), random_images(18, (5, 3, 40, 29)), random_images(19, (1, 3, 9, 64))):
            (output,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
            assert_close(torch.tensor(output), layer(images), rtol=0, atol=1e-6)


class TestBadInput:
    @pytest.mark.parametrize('kernel_size', [4, 2, 0, 1, -3, 3.0, True, '3', None, (3, 3)])
    def test_kernel_size(self, kernel_size):
        with pytest.raises(ValueError, match='expected an odd number of 3 or more') as caught:
            NeuRN(kernel_size)
        assert f'kernel_size is {kernel_size!r}' in str(caught.value)

    @pytest.mark.parametrize('padding', ['same', 'replicate', '', None, 1])
    def test_padding(self, padding):
        with pytest.raises(ValueError, match='expected one of edge, zero, reflect') as caught:
            NeuRN(padding=padding)
        assert f'padding is {padding!r}' in str(caught.value)

    @pytest.mark.parametrize('scope', ['batch', 'Image', None])
    def test_scope(self, scope):
        with pytest.raises(ValueError, match='expected one of image, channel') as caught:
            NeuRN(scope=scope)
        assert f'scope is {scope!r}' in str(caught.value)

    @pytest.mark.parametrize('eps', [0, 0.0, -1e-6, np.nan, np.inf, -np.inf, True, None, '1'])
    def test_eps(self, eps):
        with pytest.raises(ValueError, match='expected a positive number') as caught:
            NeuRN(eps=eps)
        assert f'eps is {eps!r}' in str(caught.value)

    @pytest.mark.parametrize('shape', [(8,), (8, 9), (1, 2, 3, 8, 9)])
    def test_dimensions(self, shape):
        with pytest.raises(ValueError, match=rf'\(n, channels, height, width\).* got {len(shape)} dimensions'):
            NeuRN()(torch.zeros(shape))

    @pytest.mark.parametrize('dtype', [torch.uint8, torch.int64, torch.bool, torch.complex64])
    def test_not_floating_point(self, dtype):
        with pytest.raises(ValueError, match=f'expected floating point images, got {dtype}'):
            NeuRN()(torch.zeros((1, 3, 8, 9), dtype=dtype))

    @pytest.mark.parametrize('padding', PADDINGS)
    @pytest.mark.parametrize('size', [(4, 9), (9, 4), (1, 1), (0, 9)])
    def test_kernel_larger_than_the_image(self, size, padding):
        for shape in ((2, 3, *size), (3, *size)):
            with pytest.raises(ValueError, match=rf'at least 5 x 5, the kernel, got {size[0]} x {size[1]}'):
                NeuRN(5, padding)(torch.zeros(shape))

    @pytest.mark.parametrize('scope', SCOPES)
    @pytest.mark.parametrize('padding', PADDINGS)
    @pytest.mark.parametrize('dtype', [torch.float32, torch.float64, *HALVES])
    @pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize('place', [(2, 1, 4, 4), (0, 0, 0, 0), (1, 2, 7, 8)])
    @pytest.mark.seconds
    def test_one_pixel_is_not_finite(self, place, value, dtype, padding, scope):
        images = random_images(20, (3, 3, 8, 9), dtype)
        images[place] = value
        with pytest.raises(ValueError, match='expected finite pixels, got NaN, infinity'):
            NeuRN(3, padding, scope)(images)

    @pytest.mark.parametrize('value', [1e30, -1e30, 3e38])
    def test_squares_that_overflow(self, value):
        images = random_images(21)
        images[1, 2, 3, 4] = value
        with pytest.raises(ValueError, match='or a number whose square is infinite'):
            NeuRN()(images)
        assert NeuRN()(images.double())[1, 2, 3, 4] > 0.99

    def test_in_the_last_part_of_a_large_batch(self):
        images = random_images(22, (3, 3, 224, 224))
        images[2, 2, 223, 223] = np.nan
        with pytest.raises(ValueError, match='expected finite pixels, got NaN'):
            NeuRN()(images)

    @pytest.mark.filterwarnings('ignore:.torch.jit.script. is deprecated:FutureWarning')
    def test_scripted(self):
        scripted = torch.jit.script(NeuRN())
        with pytest.raises(torch.jit.Error, match='expected finite pixels, got NaN'):
            scripted(torch.full((1, 3, 8, 9), np.nan))
        with pytest.raises(torch.jit.Error, match='got 2 dimensions'):
            scripted(torch.zeros(8, 9))


def stroke_profiles(image, output):
    """Output at the middle of each stroke of 3 pixels or more, and the largest on either of its two flanks.

    Middles are local maxima of the distance to the background (half of the full brightness or less). The stroke is
    crossed where it is shortest, of the four directions of the grid; a flank is the last pixel inside and the first
    one outside.
    """
    inside = image > 0.5
    distance = distance_transform_edt(inside)
    middles = np.argwhere(inside & (distance == maximum_filter(distance, 3)))
    for middle in middles:
        crossings = []
        for step in np.array([(0, 1), (1, 0), (1, 1), (1, -1)]):
            ends = []
            for towards in (step, -step):
                end = middle
                while inside[tuple(end + towards)]:
                    end = end + towards
                ends.append((tuple(end), tuple(end + towards)))
            crossings.append((np.linalg.norm(np.subtract(ends[0][1], ends[1][1])) - np.linalg.norm(step), ends))
        width, ends = min(crossings, key=lambda crossing: crossing[0])
        if width >= 3:
            yield output[tuple(middle)], [max(output[place] for place in end) for end in ends]


@pytest.mark.shared
def test_a_stroke_of_a_digit_has_two_ridges(shared):
    with gzip.open(shared / 'digits' / 'mnist' / 'train-images-idx3-ubyte.gz') as file:
        pixels = np.frombuffer(file.read(16 + 784 * (max(MNIST_DIGITS) + 1)), np.uint8, offset=16)
    images = torch.tensor(pixels.reshape(-1, 1, 28, 28)[MNIST_DIGITS]) / 255
    outputs = NeuRN()(images)
    profiles = [
        profile
        for image, output in zip(images, outputs, strict=True)
        for profile in stroke_profiles(image[0].numpy(), output[0].numpy())
    ]
    # Measured: 80 middles, the output lower than on both flanks in all of them, and a third of their mean (median).
    # (Of the 236 middles of thinner strokes, where the window sees beyond both sides at once, 64 % are lower.)
    # Before the layer it is the opposite: the middle of a stroke is brightest.
    middle, flanks = (np.array(values) for values in zip(*profiles, strict=True))
    assert len(middle) >= 70
    assert np.mean(middle < flanks.min(axis=1)) >= 0.98
    assert 0.2 < np.median(middle / flanks.mean(axis=1)) < 0.45
    before = [profile for image in images for profile in stroke_profiles(image[0].numpy(), image[0].numpy())]
    assert not any(middle < min(flanks) for middle, flanks in before)
