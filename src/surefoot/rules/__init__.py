"""What the field's rules read off a range test: each a pure function of a Curve, None where the test has no answer.

They only bracket: over 15 small real tasks the best constant for any of these landmarks still had a mean regret of 9 to
24 %, worst 46 to 99 %. They are here to be compared with a peak that runs have verified, not to replace it.

>>> from surefoot.curve import Curve
>>> rates = [10.0 ** (k / 10 - 4) for k in range(41)]
>>> curve = Curve((), 2.0, tuple(rates), tuple(2.0 - min(lr * 10, 1.0) for lr in rates))
>>> steepest(curve), valley(Curve())
(0.1, None)
"""

from surefoot.rules.prepared import FASTAI as FASTAI
from surefoot.rules.prepared import LIGHTNING as LIGHTNING
from surefoot.rules.prepared import RAW as RAW
from surefoot.rules.prepared import TORCH_LR_FINDER as TORCH_LR_FINDER
from surefoot.rules.prepared import Preparation as Preparation
from surefoot.rules.ranges import edge_range as edge_range
from surefoot.rules.ranges import smith as smith
from surefoot.rules.slopes import minimum_tenth as minimum_tenth
from surefoot.rules.slopes import steepest as steepest
from surefoot.rules.slopes import steepest_by_rate as steepest_by_rate
from surefoot.rules.suggesting import Suggestion as Suggestion
from surefoot.rules.suggesting import suggestions as suggestions
from surefoot.rules.valleys import slide as slide
from surefoot.rules.valleys import valley as valley
