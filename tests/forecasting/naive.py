"""The laws as their papers write them, an update and a fall at a time: slow, and independent of the library."""


def tissue(rates, step, decay):
    """S1 and S2 after ``step`` updates."""
    s1 = s2 = m = 0.0
    for i in range(step):
        if i:
            m = decay * m + (rates[i - 1] - rates[i])
        s1 += rates[i]
        s2 += m
    return s1, s2


def multipower(rates, step, constants, first=1):
    """The loss after ``step`` updates; falls are summed from update ``first`` on (the warmup left out)."""
    offset, a, alpha, b, c, beta, gamma = constants
    total = 0.0
    for k in range(first, step):
        fall = rates[k - 1] - rates[k]
        if fall:
            since = rates[k:step].sum()
            total += fall * (1 - (1 + c * rates[k] ** -gamma * since) ** -beta)
    return offset + a * rates[:step].sum() ** -alpha - b * total


# Of the size of the published ones, for a peak of 1e-3 and runs of a few thousand updates.
TRUE = (2.6, 0.45, 0.5, 110.0, 1.2, 0.6, 0.65)
