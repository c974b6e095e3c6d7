"""The 44 networks whose architectures the paper compares."""

#: Each network by the paper's name: where it is from, and its family. Of names that leave the size open, one is taken.
PAPER_NETWORKS = {
    'mobilenet': ('timm:mobilenetv1_100', 'mobilenet'),
    'mobilenetv2': ('torchvision:mobilenet_v2', 'mobilenet'),
    'resnet50': ('torchvision:resnet50', 'resnet'),
    'resnet101': ('torchvision:resnet101', 'resnet'),
    'resnet152': ('torchvision:resnet152', 'resnet'),
    'resnet50v2': ('timm:resnetv2_50', 'resnetv2'),
    'resnet101v2': ('timm:resnetv2_101', 'resnetv2'),
    'resnet152v2': ('timm:resnetv2_152', 'resnetv2'),
    'xception': ('timm:legacy_xception', 'xception'),
    'inceptionv3': ('timm:inception_v3', 'inception'),
    'inceptionResnetv2': ('timm:inception_resnet_v2', 'inception'),
    'vgg16': ('torchvision:vgg16', 'vgg'),
    'vgg19': ('torchvision:vgg19', 'vgg'),
    'vgg11': ('torchvision:vgg11', 'vgg'),
    'densenet121': ('torchvision:densenet121', 'densenet'),
    'densenet169': ('torchvision:densenet169', 'densenet'),
    'densenet201': ('torchvision:densenet201', 'densenet'),
    'nasnetLarge': ('timm:nasnetalarge', 'nasnet'),
    **{f'efficientNet b{size}': (f'torchvision:efficientnet_b{size}', 'efficientnet') for size in range(8)},
    'squeezenet': ('torchvision:squeezenet1_1', 'squeezenet'),
    'shufflenet': ('torchvision:shufflenet_v2_x1_0', 'shufflenet'),
    'wide resnet': ('torchvision:wide_resnet50_2', 'resnet'),
    'googlenet': ('torchvision:googlenet', 'inception'),
    'inception_V3': ('torchvision:inception_v3', 'inception'),
    'resnet_ssl_facebook': ('timm:resnet50.fb_ssl_yfcc100m_ft_in1k', 'resnet'),
    'fcn_resnet101': ('torchvision:fcn_resnet101', 'resnet'),
    'resnest': ('timm:resnest50d', 'resnest'),
    'ghostnet': ('timm:ghostnet_100', 'ghostnet'),
    'resnext': ('torchvision:resnext50_32x4d', 'resnet'),
    'deeplabv3': ('torchvision:deeplabv3_resnet101', 'resnet'),
    'vit': ('torchvision:vit_b_16', 'vit'),
}
#: Those that neither torchvision nor timm has; Brain-Score's CORnet needs a package from outside package indexes.
LEFT_OUT = ('nasnetMobile', 'proxyless_nas', 'ibn', 'u-net', 'midas', 'CORnet')
