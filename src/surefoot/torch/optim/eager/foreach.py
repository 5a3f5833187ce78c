"""torch's operations over lists of tensors, under one roof: they have no public names."""

from __future__ import annotations

import torch

add = torch._foreach_add  # noqa: SLF001  no public name
add_ = torch._foreach_add_
sub = torch._foreach_sub  # noqa: SLF001  as above
sub_ = torch._foreach_sub_
mul = torch._foreach_mul  # noqa: SLF001  as above
mul_ = torch._foreach_mul_
div = torch._foreach_div  # noqa: SLF001  as above
div_ = torch._foreach_div_
addcmul_ = torch._foreach_addcmul_
addcdiv_ = torch._foreach_addcdiv_
lerp_ = torch._foreach_lerp_
sqrt = torch._foreach_sqrt  # noqa: SLF001  as above
sqrt_ = torch._foreach_sqrt_
abs_ = torch._foreach_abs_
sign = torch._foreach_sign  # noqa: SLF001  as above
copy_ = torch._foreach_copy_
norm = torch._foreach_norm  # noqa: SLF001  as above
