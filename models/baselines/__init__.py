"""Plain twins of the networks in `neurn`: the same networks without the NeuRN layer."""

import functools

from brainscore_vision import model_registry

from ..neurn.model import brain_model

model_registry['plain_vgg11'] = functools.partial(brain_model, 'plain_vgg11')
model_registry['plain_vgg16'] = functools.partial(brain_model, 'plain_vgg16')
model_registry['plain_vgg19'] = functools.partial(brain_model, 'plain_vgg19')
model_registry['plain_resnet18'] = functools.partial(brain_model, 'plain_resnet18')
model_registry['plain_resnet50'] = functools.partial(brain_model, 'plain_resnet50')
model_registry['plain_resnetv2_50'] = functools.partial(brain_model, 'plain_resnetv2_50')
model_registry['plain_densenet121'] = functools.partial(brain_model, 'plain_densenet121')
model_registry['plain_mobilenet_v1'] = functools.partial(brain_model, 'plain_mobilenet_v1')
model_registry['plain_mobilenet_v2'] = functools.partial(brain_model, 'plain_mobilenet_v2')
model_registry['plain_efficientnet_b0'] = functools.partial(brain_model, 'plain_efficientnet_b0')
model_registry['plain_nasnet'] = functools.partial(brain_model, 'plain_nasnet')
model_registry['plain_xception'] = functools.partial(brain_model, 'plain_xception')
model_registry['plain_inception_v3'] = functools.partial(brain_model, 'plain_inception_v3')
model_registry['plain_inception_resnet_v2'] = functools.partial(brain_model, 'plain_inception_resnet_v2')
model_registry['plain_squeezenet1_1'] = functools.partial(brain_model, 'plain_squeezenet1_1')
model_registry['plain_shufflenet_v2_x0_5'] = functools.partial(brain_model, 'plain_shufflenet_v2_x0_5')
model_registry['plain_vit_b_16'] = functools.partial(brain_model, 'plain_vit_b_16')
model_registry['plain_digitnet'] = functools.partial(brain_model, 'plain_digitnet')
