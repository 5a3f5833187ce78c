"""Curvature: the sharpness of a loss, beside what the optimizer bears.

``sharpness`` measures the largest eigenvalue of the Hessian that the optimizer in use meets, by Lanczos' method.
"""

from __future__ import annotations

from surefoot.torch.curvature.answer import Sharpness as Sharpness
from surefoot.torch.curvature.measuring import sharpness as sharpness
