"""Networks with a NeuRN layer at their input, which replaces levels by local contrast."""

import functools

from brainscore_vision import model_registry

from .model import brain_model

model_registry['neurn_vgg11'] = functools.partial(brain_model, 'neurn_vgg11')
model_registry['neurn_vgg16'] = functools.partial(brain_model, 'neurn_vgg16')
model_registry['neurn_vgg19'] = functools.partial(brain_model, 'neurn_vgg19')
model_registry['neurn_resnet18'] = functools.partial(brain_model, 'neurn_resnet18')
model_registry['neurn_resnet50'] = functools.partial(brain_model, 'neurn_resnet50')
model_registry['neurn_resnetv2_50'] = functools.partial(brain_model, 'neurn_resnetv2_50')
model_registry['neurn_densenet121'] = functools.partial(brain_model, 'neurn_densenet121')
model_registry['neurn_mobilenet_v1'] = functools.partial(brain_model, 'neurn_mobilenet_v1')
model_registry['neurn_mobilenet_v2'] = functools.partial(brain_model, 'neurn_mobilenet_v2')
model_registry['neurn_efficientnet_b0'] = functools.partial(brain_model, 'neurn_efficientnet_b0')
model_registry['neurn_nasnet'] = functools.partial(brain_model, 'neurn_nasnet')
model_registry['neurn_xception'] = functools.partial(brain_model, 'neurn_xception')
model_registry['neurn_inception_v3'] = functools.partial(brain_model, 'neurn_inception_v3')
model_registry['neurn_inception_resnet_v2'] = functools.partial(brain_model, 'neurn_inception_resnet_v2')
model_registry['neurn_squeezenet1_1'] = functools.partial(brain_model, 'neurn_squeezenet1_1')
model_registry['neurn_shufflenet_v2_x0_5'] = functools.partial(brain_model, 'neurn_shufflenet_v2_x0_5')
model_registry['neurn_vit_b_16'] = functools.partial(brain_model, 'neurn_vit_b_16')
model_registry['neurn_digitnet'] = functools.partial(brain_model, 'neurn_digitnet')
