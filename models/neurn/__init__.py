"""Networks with a NeuRN layer at their input: local contrast in place of level."""

import functools

from brainscore_vision import model_registry

from .model import commit

model_registry['neurn_vgg11'] = functools.partial(commit, 'neurn_vgg11')
model_registry['neurn_vgg16'] = functools.partial(commit, 'neurn_vgg16')
model_registry['neurn_vgg19'] = functools.partial(commit, 'neurn_vgg19')
model_registry['neurn_resnet18'] = functools.partial(commit, 'neurn_resnet18')
model_registry['neurn_resnet50'] = functools.partial(commit, 'neurn_resnet50')
model_registry['neurn_resnetv2_50'] = functools.partial(commit, 'neurn_resnetv2_50')
model_registry['neurn_densenet121'] = functools.partial(commit, 'neurn_densenet121')
model_registry['neurn_mobilenet_v1'] = functools.partial(commit, 'neurn_mobilenet_v1')
model_registry['neurn_mobilenet_v2'] = functools.partial(commit, 'neurn_mobilenet_v2')
model_registry['neurn_efficientnet_b0'] = functools.partial(commit, 'neurn_efficientnet_b0')
model_registry['neurn_nasnet'] = functools.partial(commit, 'neurn_nasnet')
model_registry['neurn_xception'] = functools.partial(commit, 'neurn_xception')
model_registry['neurn_inception_v3'] = functools.partial(commit, 'neurn_inception_v3')
model_registry['neurn_inception_resnet_v2'] = functools.partial(commit, 'neurn_inception_resnet_v2')
model_registry['neurn_squeezenet1_1'] = functools.partial(commit, 'neurn_squeezenet1_1')
model_registry['neurn_shufflenet_v2_x0_5'] = functools.partial(commit, 'neurn_shufflenet_v2_x0_5')
model_registry['neurn_vit_b_16'] = functools.partial(commit, 'neurn_vit_b_16')
model_registry['neurn_digitnet'] = functools.partial(commit, 'neurn_digitnet')
