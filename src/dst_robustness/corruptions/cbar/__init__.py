"""The corruptions of CIFAR-10-C-bar and ImageNet-C-bar, chosen to differ from the nineteen of the benchmark."""
