"""Curvature: the sharpness of a loss, beside what the optimizer bears.

``sharpness`` measures the largest eigenvalue of the Hessian that the optimizer in use meets, by Lanczos' method;
``noise_scale`` how large a batch must be for its gradient to be more signal than noise.
"""

from __future__ import annotations

from surefoot.torch.curvature.answer import GradientNoise as GradientNoise
from surefoot.torch.curvature.answer import Sharpness as Sharpness
from surefoot.torch.curvature.measuring import sharpness as sharpness
from surefoot.torch.curvature.noise import noise_scale as noise_scale
