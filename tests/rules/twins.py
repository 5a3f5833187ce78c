"""The packages' rules, written once more after their definitions: plain loops, with their own means and cuts."""

import math

import numpy as np


def averaged(losses, beta):
    """The mean of fastai's AvgSmoothLoss and of Lightning's callback."""
    value, found = 0.0, []
    for step, loss in enumerate(losses, 1):
        value = beta * value + (1 - beta) * loss
        found.append(value / (1 - beta**step))
    return found


def followed(losses, share=0.05):
    """torch-lr-finder's history: the first loss, then a share of each new one."""
    found = []
    for loss in losses:
        found.append(loss if not found else share * loss + (1 - share) * found[-1])
    return found


def stopped(means, threshold):
    best = math.inf
    for k, mean in enumerate(means):
        best = min(best, mean)
        if mean > threshold * best:
            return k
    return len(means)


def fastai(losses, lrs):
    means = averaged(losses, 0.98)
    end = stopped(means, 4.0)
    return np.array(means[:end][10:-5]), np.array(lrs[:end][10:-5])


def valley(losses, lrs):
    n = len(losses)
    longest = [1] * n
    start = end = 0
    for i in range(1, n):
        for j in range(i):
            if losses[i] < losses[j] and longest[i] < longest[j] + 1:
                longest[i] = longest[j] + 1
            if longest[end] < longest[i]:
                end = i
                start = end - longest[end]
    sections = (end - start) / 3
    # The package's index is -1 for a valley of two points at the start, which wraps round to the last rate.
    return lrs[max(start + int(sections) + int(sections / 2), 0)]


def slide(losses, lrs, difference=15, threshold=0.005):
    gradient = np.gradient(losses)
    right, left = -1, -1 - difference
    found = lrs[left]
    while left >= -len(losses) and abs(gradient[right] - gradient[left]) > threshold:
        found = lrs[left]
        right -= 1
        left -= 1
    return found


def minimum(losses, lrs):
    return lrs[min(range(len(losses)), key=lambda k: losses[k])] / 10


def steep(losses, lrs):
    slopes = [(losses[k + 1] - losses[k]) / (math.log(lrs[k + 1]) - math.log(lrs[k])) for k in range(len(losses) - 1)]
    return lrs[slopes.index(min(slopes))]


def torch_lr_finder(losses, lrs):
    means = followed(losses)
    end = stopped(means, 5.0)
    return lrs[10:end][:-5][int(np.gradient(np.array(means[:end][10:-5])).argmin())]
