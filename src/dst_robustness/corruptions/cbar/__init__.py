"""The corruptions of CIFAR-10-C-bar and ImageNet-C-bar, chosen to be unlike the nineteen."""
